"""Run a whole batch: open the input, the output and the model, and see to Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mcp_models.client.batch.cap import Cap
from mcp_models.client.batch.errors import BatchError
from mcp_models.client.batch.input import Source, read_rows
from mcp_models.client.batch.pace import Pace
from mcp_models.client.batch.progress import Progress, Silent
from mcp_models.client.batch.reader import Reader
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.batch.store import Store
from mcp_models.client.batch.summary import Summary
from mcp_models.client.mcp_model import MCPModel
from mcp_models.servers import load_provider
from mcp_models.servers.core.provider import Provider

SHOW_SECONDS = 0.5

CONCURRENCY = 64
"""The most calls in flight, unless you say otherwise."""

Route = Literal["standard", "flex"]


class Batch(Struct, kw_only=True):
    """What to ask, and where the results go.

    Attributes:
        provider: The provider's name among the servers, such as `openai`.
        input: A JSONL or CSV file, or `-` for standard input.
        output: The JSONL file for the results. Its journal is beside it.
        model: The model. None means the server's default.
        template: A prompt with columns in braces, such as `Translate: {text}`.
        format_name: `jsonl` or `csv`. None means that the input's name says so.
        arguments: Arguments of `complete` for every row that has none of its own.
        route: `flex` asks for the service tier of that name, at half the price, where the provider has it.
        concurrency: The most calls in flight.
        max_cost: The most dollars to spend, earlier runs on the same output included. None means no limit.
        allows_unpriced: Whether `max_cost` lets calls be made whose price is not known.
        retry_failed: Whether to ask rows again that have failed.
        most_rows: How many rows to read. None means all.
        env: Variables for the server, such as a key.
    """

    provider: str
    input: str
    output: str
    model: str | None = None
    template: str | None = None
    format_name: str | None = None
    arguments: dict[str, Any] = {}
    route: Route = "standard"
    concurrency: int = CONCURRENCY
    max_cost: float | None = None
    allows_unpriced: bool = False
    retry_failed: bool = False
    most_rows: int | None = None
    env: dict[str, str] = {}

    def adapter(self) -> Provider:
        """Return the provider's adapter, for prices and for what it can do. It calls nobody."""
        return load_provider(self.provider, {**os.environ, **self.env})

    def source(self, adapter: Provider) -> Source:
        """Return where the rows come from."""
        named = {"model": self.model} if self.model else {}
        tiers = tuple(adapter.service_tiers)
        return Source(self.input, self.provider, tiers, {**named, **self.arguments}, self.template, self.format_name)

    def identity(self) -> str:
        """Return what was asked, as far as it is the same for all rows. Another identity needs another output."""
        same = {"arguments": self.arguments, "template": self.template}
        given = {name: value for name, value in same.items() if value}
        return " ".join([f"{self.provider}/{self.model or 'default'}", msgspec.json.encode(given, order="sorted").decode()])


def run_batch(batch: Batch, progress: Progress | None = None) -> Summary:
    """Run a batch to its end, and return what it has come to. The same call again goes on where the last one ended.

    The first Ctrl-C ends the batch when the calls in flight have been answered, the second one at once.

    Args:
        batch: What to do.
        progress: Shows how it is getting on.

    Raises:
        BatchError: It cannot run, or cannot go on. What was written stays.
        SessionError: The provider's server cannot be started.
    """
    return asyncio.run(arun_batch(batch, progress))


async def arun_batch(batch: Batch, progress: Progress | None = None) -> Summary:
    """Do the same as `run_batch`, in a coroutine."""
    shown = progress or Silent()
    adapter = batch.adapter()
    if batch.route == "flex" and "flex" not in adapter.service_tiers:
        raise BatchError(f"{adapter.title} has no service tier `flex`: use --route standard")
    store = Store(batch.output, batch.identity(), batch.retry_failed)
    try:
        if store.torn:
            shown.say(f"the last line of {batch.output} was not written to its end: its row is asked again")
        return await _run(batch, adapter, store, shown)
    finally:
        store.close()


async def _run(batch: Batch, adapter: Provider, store: Store, shown: Progress) -> Summary:
    totals = store.journal.totals()
    summary = Summary(succeeded=totals.done, failures=totals.failed, tokens=totals.tokens, spent=totals.spent)
    cap = Cap(adapter, batch.max_cost, batch.allows_unpriced)
    cap.spent = totals.spent
    reader = Reader(read_rows(batch.source(adapter)), cap.price, batch.most_rows)
    # The batch itself asks again, and sees every refusal.
    env = {**batch.env, "MCP_MODELS_MAX_RETRIES": "0"}
    model = MCPModel(batch.provider, batch.model, batch.provider, env=env)
    tier = None if batch.route == "standard" else batch.route
    async with model:
        run = BatchRun(model, reader, store, Pace(batch.concurrency), cap, summary, tier, shown.say)
        with _interruptible(run, shown):
            showing = asyncio.create_task(_show(run, shown))
            try:
                await run.run()
            finally:
                showing.cancel()
    return summary


async def _show(run: BatchRun, shown: Progress) -> None:
    while True:
        shown.show(run)
        await asyncio.sleep(SHOW_SECONDS)


@contextlib.contextmanager
def _interruptible(run: BatchRun, shown: Progress) -> Iterator[None]:
    """Let signals end the run in good order, where the event loop can be told of them."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        if run.summary.ending == "interrupted":
            run.abandon()
            return
        run.end("interrupted", "interrupted")
        shown.say(f"waiting for {run.pace.in_flight} calls in flight, as they are paid for: once more ends at once")

    added = []
    for number in numbers:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            loop.add_signal_handler(number, end)
            added.append(number)
    try:
        yield
    finally:
        for number in added:
            loop.remove_signal_handler(number)
