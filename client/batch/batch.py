"""Run a whole batch: open the input, the output and the model, and see to Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mcp_models.client.batch.cap import Cap
from mcp_models.client.batch.errors import BatchError, OutputError
from mcp_models.client.batch.input import Source, read_rows
from mcp_models.client.batch.job_run import JobRun
from mcp_models.client.batch.jobs_journal import JobsJournal
from mcp_models.client.batch.journal import journal_path
from mcp_models.client.batch.pace import Pace
from mcp_models.client.batch.parquet import is_parquet, pyarrow
from mcp_models.client.batch.parquet_output import write_parquet
from mcp_models.client.batch.progress import Progress, Silent
from mcp_models.client.batch.reader import Reader
from mcp_models.client.batch.records import STDIN
from mcp_models.client.batch.route import BATCH_SHARE, Route, choose, deadline
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.batch.store import Store
from mcp_models.client.batch.summary import Summary
from mcp_models.client.mcp_model import MCPModel
from mcp_models.client.model import Model
from mcp_models.servers import load_provider
from mcp_models.servers.core.batches import BatchJobs
from mcp_models.servers.core.errors import CompletionError
from mcp_models.servers.core.provider import Provider, missing_package

SHOW_SECONDS = 0.5

CONCURRENCY = 64
"""The most calls in flight, unless you say otherwise."""

MOST_PASSES = 3
"""How often a row is put into a job."""

LEAST_RESERVE, RESERVE = 900.0, 0.1
"""How much time to leave for rows that jobs do not answer: seconds, and a part of what is left."""


class Batch(Struct, kw_only=True):
    """What to ask, and where the results go.

    Attributes:
        provider: The provider's name among the servers, such as `openai`.
        input: A JSONL, CSV or Parquet file, or `-` for standard input.
        output: The JSONL file for the results, whose journal is beside it. Or a Parquet file, which is written from such a
            file, `OUT.parquet.jsonl`, when every row has a line.
        model: The model. None means the server's default.
        template: A prompt with columns in braces, such as `Translate: {text}`.
        format_name: `jsonl`, `csv` or `parquet`. None means that the input's name says so.
        arguments: Arguments of `complete` for every row that has none of its own. With a `response_schema` for an object, its
            properties get columns in a Parquet output.
        route: `standard`; `flex`, the service tier of that name; `batch`, the provider's Batch API; or `auto`, the cheapest of
            them that meets the deadline. All but `standard` cost half, where the provider has them.
        by: The deadline: `6h`, `90m`, `2d`, or a time in ISO 8601. None means that there is none.
        concurrency: The most calls in flight.
        max_cost: The most dollars to spend, earlier runs on the same output included. None means no limit.
        allows_unpriced: Whether `max_cost` lets calls be made whose price is not known.
        retry_failed: Whether to ask rows again that have failed.
        most_rows: How many rows to read. None means all.
        env: Variables for the server, such as a key.
        engine: `local`, or `ray`, which asks from processes of its own, on one machine or many.
        address: The address of a cluster of Ray. None starts one on this machine.
        workers: How many workers `ray` uses. They share `concurrency`.
    """

    provider: str
    input: str
    output: str
    model: str | None = None
    template: str | None = None
    format_name: str | None = None
    arguments: dict[str, Any] = {}
    route: Literal["standard", "flex", "batch", "auto"] = "standard"
    by: str | None = None
    concurrency: int = CONCURRENCY
    max_cost: float | None = None
    allows_unpriced: bool = False
    retry_failed: bool = False
    most_rows: int | None = None
    env: dict[str, str] = {}
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    workers: int = 2

    def lines_path(self) -> str:
        """Return the JSONL file for the results.

        Raises:
            BatchError: The Parquet file cannot be written: pyarrow is not installed, or the file is somebody else's.
        """
        if not is_parquet(self.output):
            return self.output
        pyarrow()
        path = self.output + ".jsonl"
        if os.path.exists(self.output) and not os.path.exists(journal_path(path)):
            raise OutputError(
                f"{self.output} exists, and there is no {journal_path(path)}: choose another output, or remove it"
            )
        return path

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
        engine = None if self.engine == "local" else self.engine
        same = {"arguments": self.arguments, "template": self.template, "engine": engine}
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
    shown, adapter = progress or Silent(), batch.adapter()
    by = None if batch.by is None else deadline(batch.by, time.time())
    if batch.engine == "ray" and batch.route in ("batch", "auto"):
        raise BatchError("a Batch API needs no workers: use --engine local with it, or --route standard or flex")
    route = choose(batch.route, adapter, by)
    if route == "batch" and batch.input == STDIN:
        raise BatchError("a job takes hours, and its rows may have to be read again: write standard input to a file first")
    store = Store(batch.lines_path(), batch.identity(), batch.retry_failed)
    try:
        if store.torn:
            shown.say(f"the last line of {store.path} was not written to its end: its row is asked again")
        summary = await Passes(batch, adapter, store, shown, by).run(route)
        if summary.ending == "complete" and is_parquet(batch.output):
            await asyncio.to_thread(write_parquet, store, batch.output, batch.arguments.get("response_schema"))
        return summary
    finally:
        store.close()


class Passes:
    """The passes over the input. There is one, unless jobs leave rows without a result.

    Args:
        batch: What to do.
        adapter: The provider.
        store: The output and its journal.
        shown: Shows how it is getting on.
        by: The deadline in seconds since 1970, or None.
    """

    def __init__(self, batch: Batch, adapter: Provider, store: Store, shown: Progress, by: float | None) -> None:
        self._batch, self._adapter, self._store, self._shown, self._by = batch, adapter, store, shown, by
        totals = store.journal.totals()
        self._summary = Summary(totals.done, totals.failed, tokens=totals.tokens, spent=totals.spent)

    async def run(self, route: Route) -> Summary:
        """Ask the rows by a route. Jobs of earlier runs are collected first, whatever the route."""
        ledger, count = JobsJournal(self._store.journal), 0
        while route == "batch" or ledger.jobs():
            missing = await self._by_jobs(ledger, sends=route == "batch")
            if self._summary.ending != "complete" or (route == "batch" and not missing):
                return self._summary
            count += 1
            if route == "batch" and count == MOST_PASSES:
                self._summary.ending, self._summary.left = "stopped", missing
                self._summary.problem = f"{missing:,} rows got no result, also not from their third job"
                return self._summary
            route = choose(self._batch.route, self._adapter, self._by)
        tier = None if route == "standard" else route
        await (self._by_workers(tier) if self._batch.engine == "ray" else self._by_calls(tier))
        return self._summary

    async def _by_calls(self, tier: str | None) -> None:
        batch = self._batch
        # The batch itself asks again, and sees every refusal.
        env = {**batch.env, "MCP_MODELS_MAX_RETRIES": "0"}
        model = MCPModel(batch.provider, batch.model, batch.provider, env=env)
        async with model:
            await self._watch(BatchRun(model, *self._parts(tier, 1.0, batch.most_rows), tier, self._shown.say))

    async def _by_workers(self, tier: str | None) -> None:
        from mcp_models.client.batch.cluster.engine import cluster_run

        parts = self._parts(tier, 1.0, self._batch.most_rows)
        async with cluster_run(self._batch, self._store, tier, *parts, tier, self._shown.say) as run:
            await self._watch(run)

    async def _by_jobs(self, ledger: JobsJournal, sends: bool) -> int:
        """Send rows in jobs, or only collect those that were sent, and return how many rows got no result."""
        jobs = await asyncio.to_thread(_connected, self._adapter)
        # Leave time to ask what the jobs do not answer.
        give_up_at = None if self._by is None else self._by - max(LEAST_RESERVE, RESERVE * (self._by - time.time()))
        model = Model(self._adapter.name, self._batch.model or "")
        parts = self._parts("standard", BATCH_SHARE, self._batch.most_rows if sends else 0)
        run = JobRun(
            model, *parts, None, self._shown.say, jobs=jobs, ledger=ledger, adapter=self._adapter, give_up_at=give_up_at
        )
        try:
            await self._watch(run)
        finally:
            await jobs.aclose()
        return run.missing + self._summary.left  # left are rows that wait for another one's result

    def _parts(self, tier: str | None, share: float, most_rows: int | None) -> tuple[Reader, Store, Pace, Cap, Summary]:
        batch = self._batch
        cap = Cap(self._adapter, batch.max_cost, batch.allows_unpriced, tier, share)
        cap.spent = self._store.journal.totals().spent
        reader = Reader(read_rows(batch.source(self._adapter)), cap.price, most_rows)
        return reader, self._store, Pace(batch.concurrency), cap, self._summary

    async def _watch(self, run: BatchRun) -> None:
        with _interruptible(run, self._shown):
            showing = asyncio.create_task(_show(run, self._shown))
            try:
                await run.run()
            finally:
                showing.cancel()


def _connected(adapter: Provider) -> BatchJobs:
    try:
        jobs = adapter.batch_jobs()
    except CompletionError as error:
        raise BatchError(error.message) from None
    except ImportError as error:
        raise BatchError(missing_package(error.name or "", adapter.extra)) from None
    if jobs is None:
        raise BatchError(f"{adapter.title} has no Batch API with these settings: use --route standard")
    return jobs


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
        if run.pace.in_flight:
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
