"""Work out what a million calls cost, by the project's price list, for the table in `docs/scale.md`."""

from __future__ import annotations

import asyncio

from tabulate import tabulate

from mcp_models.servers import load_provider
from mcp_models.servers.core import pricing
from mcp_models.servers.core.completion import Usage

CALLS = 1_000_000
MODELS = {
    "gpt-5-mini": "openai",
    "gpt-5.2": "openai",
    "gemini-2.5-flash": "google_ai_studio",
    "claude-haiku-4-5": "anthropic",
}
PLAIN = Usage(input_tokens=1000, output_tokens=300)
CACHED = Usage(input_tokens=1000, output_tokens=300, cache_read_tokens=800)
WAYS = {
    "standard": (PLAIN, pricing.STANDARD),
    "800 tokens from the cache": (CACHED, pricing.STANDARD),
    "flex": (PLAIN, "flex"),
    "batch": (PLAIN, pricing.BATCH),
    "batch, from the cache": (CACHED, pricing.BATCH),
}


def table() -> str:
    """Return the table as Markdown. A way that a model does not have gets a dash."""
    asyncio.run(_loaded())
    rows = [[model, *(_dollars(provider, model, *way) for way in WAYS.values())] for model, provider in MODELS.items()]
    return tabulate(rows, ["model", *WAYS], tablefmt="github", disable_numparse=True)


async def _loaded() -> None:
    pricing.begin_loading()
    await pricing.ready()


def _dollars(provider: str, model: str, usage: Usage, tier: str) -> str:
    cost = pricing.cost_usd(load_provider(provider, {}), model, usage, tier)
    return "–" if cost is None else f"{cost * CALLS:,.0f}"
