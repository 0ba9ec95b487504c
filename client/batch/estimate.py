"""Estimate what a batch would take, without asking anybody: rows, tokens, the price by each route, the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from mcp_models.client.batch.cap import highest_cost
from mcp_models.client.batch.input import read_rows
from mcp_models.client.batch.progress import duration
from mcp_models.client.batch.route import BATCH_SHARE, has_jobs

if TYPE_CHECKING:
    from mcp_models.client.batch.batch import Batch
    from mcp_models.client.batch.row import Row
    from mcp_models.servers.core.provider import Provider

BYTES_PER_TOKEN = 4.0
"""Of English text. Other languages and code have fewer."""

TOKENS_PER_SECOND = 60.0
FIRST_SECONDS = 1.0
"""How fast a model answers, roughly: many are twice as fast or half."""

TERMS: dict[str, tuple[str | None, float]] = {
    "standard": (None, 1.0),
    "flex": ("flex", 1.0),
    "batch": ("standard", BATCH_SHARE),
}
"""The service tier that each route asks for, and the part of its price that counts."""

NAMED = 10
"""How many bad rows are named."""


class Estimate(Struct):
    """What a batch would take.

    Attributes:
        rows: Rows that can be asked.
        bad: What is wrong with the others. Only the first few are kept.
        bad_rows: How many those are.
        same: Rows that ask for the same as another one, and cost nothing.
        input_tokens: An estimate of the tokens that go in.
        most_output_tokens: The most tokens that come out.
        highest: The most that it can cost in dollars, by the route. None if a price is not known.
        seconds: How long it takes if each answer is as long as it may be.
    """

    rows: int = 0
    bad: list[str] = []
    bad_rows: int = 0
    same: int = 0
    input_tokens: int = 0
    most_output_tokens: int = 0
    highest: dict[str, float | None] = {}
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """Return the estimate for people, with tabs between name and value."""
        prices = [f"highest price, {route}\t{_dollars(price)}" for route, price in self.highest.items()]
        return [
            f"rows\t{self.rows:,}",
            f"of these, the same as another\t{self.same:,}",
            f"bad rows\t{self.bad_rows:,}",
            *(f"\t{problem}" for problem in self.bad),
            f"input tokens, about\t{self.input_tokens:,}",
            f"output tokens, at most\t{self.most_output_tokens:,}",
            *prices,
            f"time, at most about\t{duration(self.seconds)}",
        ]


def estimate(batch: Batch) -> Estimate:
    """Read the whole input and return what it would take.

    The highest price is that of `--max-cost`: a token for each byte, the longest answer, the dearest tier that may serve. The
    real price is mostly far below.

    Raises:
        BatchError: The input cannot be read.
    """
    adapter, found, seen = batch.adapter(), Estimate(), set()
    routes = ["standard", *(["flex"] if "flex" in adapter.service_tiers else []), *(["batch"] if has_jobs(adapter) else [])]
    found.highest = dict.fromkeys(routes, 0.0)
    for row in read_rows(batch.source(adapter)):
        if row.request is None:
            found.bad_rows += 1
            found.bad += [row.problem] if found.bad_rows <= NAMED else []
            continue
        found.rows += 1
        if row.fingerprint in seen:
            found.same += 1
            continue
        seen.add(row.fingerprint)
        _add(found, adapter, row)
    asked = found.rows - found.same
    longest = FIRST_SECONDS + (found.most_output_tokens / asked if asked else 0) / TOKENS_PER_SECOND
    found.seconds = asked * longest / batch.concurrency
    return found


def _add(found: Estimate, adapter: Provider, row: Row) -> None:
    assert row.request is not None
    found.input_tokens += round(sum(len(turn.text.encode()) for turn in row.request.turns) / BYTES_PER_TOKEN)
    found.most_output_tokens += adapter.most_output_tokens(row.request)
    for route, so_far in found.highest.items():
        price = highest_cost(adapter, row, *TERMS[route])
        found.highest[route] = None if price is None or so_far is None else so_far + price


def _dollars(price: float | None) -> str:
    return "unknown" if price is None else f"{price:.4f} USD"
