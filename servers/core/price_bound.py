"""Calculate the most that a call can cost, before it is made. The real cost is mostly far below it.

The bound holds for one attempt that the provider bills. Refusals and overloads (HTTP 4xx and 5xx) are not billed, so retries
after them add nothing. An answer that breaks off before its first text may be billed and asked for again; the bound does not
count that twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import CompletionRequest, ImagePart, Message, TextPart
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.pricing import STANDARD, may_serve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

    from mcp_models.servers.core.provider import Provider

MESSAGE_TOKENS = 16
"""What a provider may add around a message."""

SCHEMA_TOKENS = 1000
"""What a provider may add to ask for a schema. Claude's instructions take 286 to 804 tokens."""

IMAGE_TOKENS = 10_000
"""The most tokens of an image, where a provider does not say otherwise: more than Claude's 4,784, Mistral's 4,096 and Gemini's
2,240."""

DOCUMENT_TOKENS = 2_000_000
"""The most tokens of a document: the longest context of the providers that read PDFs. Its bytes do not tell, as its text is
compressed, and a page counts as text and as an image. Where a model's own context is known, no more than that counts."""

_MILLION = 1_000_000
_LONGEST_CALL = timedelta(days=1)


def highest_cost_usd(provider: Provider, request: CompletionRequest, model: str) -> float | None:
    """Return the most that a call can cost in dollars, or None if the price is not known.

    The bound assumes the dearest of everything that may come: no hit in the cache, a write of the whole prompt to it, the
    dearest tier that may serve, an answer as long as `max_tokens` lets it be.

    Args:
        provider: The provider. Its price list must be loaded (`pricing.ready`), and its prices must apply (`has_list_prices`).
        request: The request.
        model: The model to ask.
    """
    if request.documents and provider.documents_cost_extra:
        return None
    if request.web_search and provider.most_searches is None:
        return None
    request = msgspec.structs.replace(request, model=model)
    costs = [_highest(provider, request, name.removeprefix("models/")) for name in provider.charged_models(request)]
    known = [cost for cost in costs if cost is not None]
    return max(known) if known and len(known) == len(costs) else None


def most_input_tokens(provider: Provider, request: CompletionRequest, model: str) -> int:
    """Return a number of tokens that a request cannot exceed: one for each byte of its JSON, and what comes on top.

    No tokenizer makes more tokens of a text than it has bytes in UTF-8, as every token ends in bytes. Characters are no such
    bound: an emoji takes up to four tokens. An image counts by its size in pixels, which is not known here, and a document by
    its pages.

    Args:
        provider: The provider.
        request: The request.
        model: The model's full name.
    """
    texts = msgspec.structs.replace(request, prompt=None, messages=[_only_texts(turn) for turn in request.turns])
    parts = [part for turn in request.turns if not isinstance(turn.content, str) for part in turn.content]
    images = sum(isinstance(part, ImagePart) for part in parts)
    each = next((size for start, size in provider.image_tokens.items() if model.startswith(start)), IMAGE_TOKENS)
    tokens = len(msgspec.json.encode(texts)) + MESSAGE_TOKENS * (len(request.turns) + 1) + images * each
    unknown = request.documents + bool(request.web_search)  # what a search finds is read, too
    return tokens + _schema_tokens(request) + unknown * DOCUMENT_TOKENS


def _only_texts(turn: Message) -> Message:
    if isinstance(turn.content, str):
        return turn
    return Message(role=turn.role, content=[part for part in turn.content if isinstance(part, TextPart)])


def _schema_tokens(request: CompletionRequest) -> int:
    """Return the most that a schema takes beside its place in the request: translated it is longer, and some get it twice."""
    if request.response_schema is None:
        return 0
    from mcp_models.servers.core.json_schema import Dialect, InexpressibleError, translate

    none: frozenset[str] = frozenset()
    strictest = Dialect(keywords=none, formats=none, closed=True, all_required=True, object_root=True)
    sizes = [len(msgspec.json.encode(request.response_schema))]
    for dialect in (strictest, Dialect(keywords=none, object_root=True)):
        try:
            sizes.append(len(msgspec.json.encode(translate(request.response_schema, dialect))))
        except InexpressibleError:
            continue
        except InvalidRequestError:
            break  # the call will fail before anything is sent
    return SCHEMA_TOKENS + 2 * max(sizes)


def _highest(provider: Provider, request: CompletionRequest, model: str) -> float | None:
    tokens_in, tokens_out = most_input_tokens(provider, request, model), provider.most_output_tokens(request)
    factor = Decimal(str(provider.most_surcharge))
    searches = provider.most_searches or 0 if request.web_search else 0
    if model in provider.price_corrections:
        corrected = provider.price_corrections[model]
        if corrected is None or searches:
            return None
        factor *= max(_factor(provider, tier) for tier in may_serve(provider, request.service_tier))
        return float((tokens_in * Decimal(str(corrected[0])) + tokens_out * Decimal(str(corrected[1]))) / _MILLION * factor)
    info = price_list.listed_model(provider.price_list, model)
    if info is None:
        return None
    costs = [_cost(price, times, info, tokens_in, tokens_out, searches) for price, times in _prices(provider, request, info)]
    known = [cost for cost in costs if cost is not None]
    return float(max(known) * factor) if known and len(known) == len(costs) else None


def _factor(provider: Provider, tier: str) -> Decimal:
    """Return the most that a tier costs, times the standard price, where the price list does not say."""
    return Decimal(str(provider.tier_factors.get(tier, (None, 1.0))[1]))


def _prices(provider: Provider, request: CompletionRequest, info: ModelInfo) -> Iterable[tuple[ModelPrice, Decimal]]:
    """Yield every price that may apply within the next day, each with a factor to multiply it by."""
    for moment in _moments(info):
        standard = info.get_prices(moment)
        for tier in may_serve(provider, request.service_tier):
            price = standard if tier == STANDARD else info.get_prices(moment, {"service_tier": tier})
            is_unknown = tier != STANDARD and price == standard
            yield price, _factor(provider, tier) if is_unknown else Decimal(1)


def _moments(info: ModelInfo) -> list[datetime]:
    """Return now, and the moments of the next day at which the price may change: a price may depend on the time of day."""
    now = datetime.now(UTC)
    conditions = [*(info.prices if isinstance(info.prices, list) else ()), *(info.price_variants or ())]
    times = [getattr(each.constraint, "start_time", None) for each in conditions]
    times += [getattr(each.constraint, "end_time", None) for each in conditions]
    days = (now, now + _LONGEST_CALL)
    changes = [datetime.combine(day.date(), time) for day in days for time in times if time is not None]
    changes = [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in changes]
    return [now, now + _LONGEST_CALL, *(moment for moment in changes if now <= moment <= now + _LONGEST_CALL)]


def _cost(
    price: ModelPrice, factor: Decimal, info: ModelInfo, tokens_in: int, tokens_out: int, searches: int
) -> Decimal | None:
    """Return what the tokens cost at the dearest rates of a price, or None if it has no rate for something that is needed.

    After each search the model may read everything again, and write as much.
    """
    tokens_in = min(tokens_in, _window(info, price) or tokens_in)
    rates = {name: _rate(rate, tokens_in) for name, rate in vars(price).items() if rate is not None}
    if "input_mtok" not in rates or "output_mtok" not in rates:
        return None
    rate_in = max(rate for name, rate in rates.items() if name.endswith("mtok") and _is_text_or_image(name))
    rate_out = max(rate for name, rate in rates.items() if name.endswith("mtok") and name.startswith("output"))
    once = rates.get("requests_kcount", Decimal(0)) / 1000
    if searches and "web_searches_kcount" not in rates:
        return None
    once += searches * rates.get("web_searches_kcount", Decimal(0)) / 1000
    return (tokens_in * rate_in + tokens_out * rate_out) * (searches + 1) / _MILLION * factor + once * factor


def _is_text_or_image(name: str) -> bool:
    """Return whether a rate is one for input that we send, or for writing it to a cache: no adapter asks to keep it an hour."""
    return name.startswith(("input", "cache")) and not any(kind in name for kind in ("audio", "video", "_1h"))


def _rate(rate: Decimal | TieredPrices, tokens_in: int) -> Decimal:
    """Return the highest rate that may apply up to a number of input tokens: long prompts have rates of their own."""
    if isinstance(rate, Decimal):
        return rate
    return max(rate.base, *(tier.price for tier in rate.tiers if tokens_in > tier.start), Decimal(0))


def _window(info: ModelInfo, price: ModelPrice) -> int | None:
    """Return the most tokens that a model reads, unless the list contradicts itself with prices beyond that."""
    starts = [tier.start for rate in vars(price).values() for tier in getattr(rate, "tiers", ())]
    window = info.context_window
    return window if window is not None and all(start < window for start in starts) else None
