"""Calculate what a call costs, from the list prices of `genai-prices` and a provider's corrections to them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import Usage

if TYPE_CHECKING:
    from mcp_models.servers.core.completion import Completion
    from mcp_models.servers.core.provider import Provider

LOAD_SECONDS = 5.0

STANDARD = "standard"
"""The tier whose prices a price list has without a word."""

BATCH = "batch"
"""The tier of a Batch API. Price lists have it under `processing`."""

UNKNOWN = "unknown"
"""A tier that has no price."""

FROM_PROVIDER = "provider"
"""`price_source` of a cost that the provider reported."""

_loading = threading.Lock()
_loaded = False


def begin_loading() -> None:
    """Start importing the price list in a thread. It takes a while, but the model is working meanwhile anyway."""
    if not _loaded and not _loading.locked():
        asyncio.get_running_loop().run_in_executor(None, _load)


async def ready() -> None:
    """Wait until the price list is imported or known to be missing, `LOAD_SECONDS` at most: the answer is already there."""
    if not _loaded:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS):
                await asyncio.to_thread(_load)


def _load() -> None:
    global _loaded
    with _loading, contextlib.suppress(ImportError):  # optional: without it we know no costs, and nothing else is lost
        price_list.prices()
    _loaded = True


class Price(NamedTuple):
    """What a call costs in dollars.

    Attributes:
        cost: The cost.
        without_cache: What the same tokens cost if none of them is read from a cache or written to it.
        source: Where the price comes from.
    """

    cost: Decimal
    without_cache: Decimal
    source: str


async def book(provider: Provider, completion: Completion, asked_tier: str | None = None) -> None:
    """Write into a completion what it costs, as far as that is known. A subscription has no price per token.

    Args:
        provider: The provider, which names its price list and its corrections.
        completion: The completion. If the provider reported a cost, that one counts.
        asked_tier: The service tier that was asked for. It counts if the provider does not say which one answered.
    """
    if completion.cost_usd is not None:
        completion.price_source = FROM_PROVIDER
        return
    if completion.auth_mode != "api_key" or not provider.has_list_prices():
        return
    await ready()
    tier = completion.service_tier or _only_tier(provider, asked_tier)
    price = _price(provider, completion.model, completion.usage, tier)
    if price is not None:
        surcharge = Decimal(str(completion.surcharge))
        completion.cost_usd = float(price.cost * surcharge)
        completion.cache_savings_usd = float((price.without_cache - price.cost) * surcharge)
        completion.price_source = price.source
        if completion.usage.web_searches and not _prices_searches(provider, completion, tier):
            completion.warnings.append(f"what {completion.usage.web_searches} searches of the web cost is not in the cost")
    with contextlib.suppress(ImportError):
        if problem := price_list.problem():
            completion.warnings.append(problem)


def _prices_searches(provider: Provider, completion: Completion, tier: str | None) -> bool:
    """Return whether the price of a call's searches is known."""
    without = msgspec.structs.replace(completion.usage, web_searches=0)
    return cost_usd(provider, completion.model, completion.usage, tier) != cost_usd(provider, completion.model, without, tier)


def _only_tier(provider: Provider, asked: str | None) -> str | None:
    """Return the tier that answers if this one is asked for. If several may, none is known."""
    tiers = may_serve(provider, asked)
    return STANDARD if asked is None else tiers[0] if len(tiers) == 1 else UNKNOWN


def may_serve(provider: Provider, asked: str | None) -> tuple[str, ...]:
    """Return the tiers that may answer if this one is asked for."""
    return provider.tiers_that_may_serve.get(asked, (STANDARD,))


def cost_usd(provider: Provider, model: str, usage: Usage, tier: str | None = None) -> float | None:
    """Return the list price of a call in dollars, or None if it is unknown. It is never a guess.

    Args:
        provider: The provider, which names its price list and its corrections.
        model: The model's name, as the provider gave it in its answer.
        usage: The tokens that were used.
        tier: The service tier that answered. None means the standard one.
    """
    price = _price(provider, model, usage, tier)
    return None if price is None else float(price.cost)


def _price(provider: Provider, model: str, usage: Usage, tier: str | None) -> Price | None:
    try:
        if model in provider.price_corrections:
            return _corrected(provider, model, usage, tier)
        cost, note = _listed(provider, model, usage, tier)
        without = _without_cache(provider, model, usage, tier, cost)
        if tier == BATCH and not provider.batch_halves_cached:
            cost = without - _saved_by_cache(provider, model, usage)
        return Price(cost, without, price_list.source() + note)
    except (ImportError, LookupError):
        return None
    except Exception:  # a fault in the price list must not lose the answer
        traceback.print_exc(file=sys.stderr)
        return None


def _without_cache(provider: Provider, model: str, usage: Usage, tier: str | None, cost: Decimal) -> Decimal:
    if not usage.cache_read_tokens and not usage.cache_write_tokens:
        return cost
    return _listed(provider, model, _uncached(usage), tier)[0]


def _saved_by_cache(provider: Provider, model: str, usage: Usage) -> Decimal:
    """Return what the cache saves in a job if tokens that are read from it cost there what they cost elsewhere."""
    uncached = _uncached(usage)
    standard, prompt = [_listed(provider, model, each, None)[0] for each in (uncached, _prompt_of(uncached))]
    share = Decimal(usage.cache_read_tokens) / max(usage.input_tokens, 1)
    cached_at_full_price = prompt * share - (standard - _listed(provider, model, usage, None)[0])
    return _listed(provider, model, _prompt_of(uncached), BATCH)[0] * share - cached_at_full_price


def _uncached(usage: Usage) -> Usage:
    return msgspec.structs.replace(usage, cache_read_tokens=0, cache_write_tokens=0, cache_write_1h_tokens=0)


def _prompt_of(usage: Usage) -> Usage:
    return msgspec.structs.replace(usage, output_tokens=0, reasoning_tokens=0, web_searches=0)


def _corrected(provider: Provider, model: str, usage: Usage, tier: str | None) -> Price | None:
    """Return the price by our corrections, which say nothing of cached tokens."""
    price = provider.price_corrections[model]
    if price is None or usage.cache_read_tokens or usage.cache_write_tokens:
        return None
    factor, note = _factor(provider, tier)
    cost = (usage.input_tokens * Decimal(str(price[0])) + usage.output_tokens * Decimal(str(price[1]))) / 1_000_000 * factor
    return Price(cost, cost, f"mcp-models{note}")


def _listed(provider: Provider, model: str, usage: Usage, tier: str | None) -> tuple[Decimal, str]:
    """Return the price by the list, and a note on it.

    For a context that a model has no price for, the list gives the standard price without a word. So the two are compared,
    and the provider's own documents count where they say what the tier costs.

    Raises:
        LookupError: The price is not known.
    """
    from genai_prices import Usage as PricedUsage

    written_1h = {"cache_write_1h_tokens": usage.cache_write_1h_tokens} if usage.cache_write_1h_tokens else {}
    searches = {"web_searches": usage.web_searches} if usage.web_searches else {}
    priced = PricedUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        **written_1h,
        **searches,
    )
    prices, name = price_list.prices(), provider.price_list
    standard = prices.calc(priced, model, name, None, None)
    if tier in (None, STANDARD):
        return standard.total_price, ""
    context = {"processing": BATCH} if tier == BATCH else {"service_tier": tier}
    of_tier = prices.calc(priced, model, name, None, None, price_context=context)
    if of_tier.model_price != standard.model_price:
        return of_tier.total_price, ""
    factor, note = _factor(provider, tier)
    return standard.total_price * factor, note


def _factor(provider: Provider, tier: str | None) -> tuple[Decimal, str]:
    """Return what a tier costs, times the standard price, as the provider documents it, and a note on that.

    Raises:
        LookupError: It is not documented.
    """
    if tier in (None, STANDARD):
        return Decimal(1), ""
    factor = provider.batch_factor if tier == BATCH else provider.tier_factors.get(tier or "", (None, 1.0))[0]
    if factor is None:
        raise LookupError(f"no price of the tier {tier!r} is known")
    return Decimal(str(factor)), f", times {factor:g} for {tier}"


def price_per_million(provider: Provider, model: str) -> tuple[float, float] | None:
    """Return the list price in dollars of a million input tokens and of a million output tokens. None if it is unknown.

    It is the price of a small call. Some models charge more for long prompts.
    """
    if not provider.has_list_prices():
        return None
    # A thousand tokens stay below the limits of the higher tiers.
    prices = [cost_usd(provider, model, usage) for usage in (Usage(input_tokens=1000), Usage(output_tokens=1000))]
    return None if None in prices else (round(prices[0] * 1000, 6), round(prices[1] * 1000, 6))  # type: ignore[operator]


def context_tokens(provider: Provider, model: str) -> int | None:
    """Return a model's limit of tokens as the price list has it, or None if it is unknown."""
    found = price_list.listed_model(provider.price_list, model)
    return None if found is None else found.context_window
