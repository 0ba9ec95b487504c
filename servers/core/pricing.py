"""Price a call: by the list prices of `genai-prices`, and a provider's own corrections to them."""

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
    """Import the price list, which takes a while, in a thread: the model is at work meanwhile."""
    if "genai_prices" not in sys.modules:
        asyncio.get_running_loop().run_in_executor(None, _load)


async def ready() -> None:
    """Wait until the price list is imported, or is known not to be installed; never long, as the answer is there."""
    if not hasattr(sys.modules.get("genai_prices"), "calc_price"):  # a module half imported lacks it
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS):
                await asyncio.to_thread(_load)


def _load() -> None:
    with contextlib.suppress(ImportError):  # without it no cost is known, and nothing else is lost
        import genai_prices  # noqa: F401


def cost_usd(provider: Provider, model: str, usage: Usage) -> float | None:
    """Return the list price of a call in dollars, None where it is not known: never a guess.

    Args:
        provider: For its price list and its corrections.
        model: The model as the provider named it.
        usage: What was used.
    """
    if model in provider.price_corrections:
        price = provider.price_corrections[model]
        if price is None or usage.cache_read_tokens or usage.cache_write_tokens:  # of which no price is known
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
    except Exception:  # no fault of a price list may cost an answer
        traceback.print_exc(file=sys.stderr)
        return None
