"""Owns the cost of a call: the list prices of `genai-prices`, and a provider's own corrections to them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from mcp_models.servers.core.completion import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_models.servers.core.provider import Price


def begin_loading() -> None:
    """Imports the price list, which takes a while, in a thread: the model is at work meanwhile."""
    if "genai_prices" not in sys.modules:
        asyncio.get_running_loop().run_in_executor(None, _load)


async def ready() -> None:
    """Waits until the price list is imported, or is known not to be installed."""
    if not hasattr(sys.modules.get("genai_prices"), "calc_price"):  # else it is there; a module half imported lacks it
        await asyncio.to_thread(_load)


def _load() -> None:
    with contextlib.suppress(ImportError):  # without it no cost is known, and nothing else is lost
        import genai_prices  # noqa: F401


def cost_usd(price_list: str, corrections: Mapping[str, Price | None], model: str, usage: Usage) -> float | None:
    """The list price of a call in dollars, None where it is not known: never a guess.

    Args:
        price_list: The provider's name in `genai-prices`.
        corrections: Prices that go before those of `genai-prices`; None for a model whose price is not known.
        model: The model as the provider named it.
        usage: What was used.
    """
    if model in corrections:
        price = corrections[model]
        return None if price is None else (usage.input_tokens * price[0] + usage.output_tokens * price[1]) / 1e6
    try:
        from genai_prices import Usage as PricedUsage
        from genai_prices import calc_price

        priced = PricedUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )
        return float(calc_price(priced, model, provider_id=price_list).total_price)
    except (ImportError, LookupError, ValueError):
        return None
