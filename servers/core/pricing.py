"""Calculate what a call costs, from the list prices of `genai-prices` and a provider's corrections to them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from typing import TYPE_CHECKING

from mcp_models.servers.core.completion import Usage

if TYPE_CHECKING:
    from mcp_models.servers.core.provider import Provider

LOAD_SECONDS = 5.0


def begin_loading() -> None:
    """Start importing the price list in a thread. It takes a while, but the model is working meanwhile anyway."""
    if "genai_prices" not in sys.modules:
        asyncio.get_running_loop().run_in_executor(None, _load)


async def ready() -> None:
    """Wait until the price list is imported or known to be missing, `LOAD_SECONDS` at most: the answer is already there."""
    if not hasattr(sys.modules.get("genai_prices"), "calc_price"):  # missing while the import is still running
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS):
                await asyncio.to_thread(_load)


def _load() -> None:
    with contextlib.suppress(ImportError):  # optional: without it we know no costs, and nothing else is lost
        import genai_prices  # noqa: F401


def cost_usd(provider: Provider, model: str, usage: Usage) -> float | None:
    """Return the list price of a call in dollars, or None if it is unknown. It is never a guess.

    Args:
        provider: The provider, which names its price list and its corrections.
        model: The model's name, as the provider gave it in its answer.
        usage: The tokens that were used.
    """
    if model in provider.price_corrections:
        price = provider.price_corrections[model]
        if price is None or usage.cache_read_tokens or usage.cache_write_tokens:  # we know no prices for cached tokens
            return None
        return (usage.input_tokens * price[0] + usage.output_tokens * price[1]) / 1e6
    try:
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        priced = PricedUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )
        return float(calc_price(priced, model, provider_id=provider.price_list).total_price)
    except (ImportError, LookupError):
        return None
    except Exception:  # a fault in the price list must not lose the answer
        traceback.print_exc(file=sys.stderr)
        return None


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
    try:
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        found: int | None = calc_price(PricedUsage(), model, provider_id=provider.price_list).model.context_window
    except (ImportError, LookupError):
        return None
    return found
