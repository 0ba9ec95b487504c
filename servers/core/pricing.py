"""Owns the cost of a call: the list prices of `genai-prices`, and a provider's own corrections to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_models.servers.core.completion import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_models.servers.core.provider import Price


def load() -> None:
    """Imports the price list, which takes a while; for a thread, while the provider is at work."""
    try:
        import genai_prices  # noqa: F401
    except ImportError:
        return  # without it no cost is known, and nothing else is lost


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
