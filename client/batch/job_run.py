"""Run a batch through the provider's own Batch API: gather rows into jobs, send each once, wait, collect the results."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from mcp_models.client.batch.jobs_journal import Job
from mcp_models.client.batch.ledger_rows import LedgerRows
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.tool_result import read_tool_result
from mcp_models.servers.core.batches import BatchItem
from mcp_models.servers.core.errors import CompletionError
from mcp_models.servers.core.result import completion_result, error_result
from mcp_models.servers.core.service import read_structured

if TYPE_CHECKING:
    from mcp_models.client.batch.jobs_journal import JobsJournal
    from mcp_models.client.batch.journal import Settled
    from mcp_models.client.batch.question import Found
    from mcp_models.client.batch.row import Row
    from mcp_models.servers.core.batches import BatchJobs, BatchResult
    from mcp_models.servers.core.provider import Provider
    from mcp_models.servers.core.structured import Check

MOST_REQUESTS = 10_000
MOST_BYTES = 32 * 1024 * 1024
"""The most requests and bytes of a job, where the provider takes more: a job is held in memory until it is sent."""

FIRST_POLL, LONGEST_POLL, GROWTH = 5.0, 300.0, 1.5
"""Seconds between two questions about a job: they grow, as a job takes minutes to hours."""

FINDS = 4
"""How often to look for a job before we believe that the provider does not have it."""

_UNCERTAIN = frozenset({"connection", "timeout", "overloaded", "provider_error"})
"""What `submit` raises if nobody knows whether the job was accepted."""


class Filling(Struct):
    """A job that is being filled."""

    name: str
    model: str
    items: list[tuple[str, Row]] = []
    lines: list[bytes] = []
    size: int = 0


class JobRun(BatchRun):
    """A run whose rows go into jobs.

    Args:
        options: As for `BatchRun`.
        jobs: The provider's Batch API.
        ledger: The jobs in the journal.
        adapter: The provider.
        give_up_at: When to cancel jobs that have not ended, in seconds since 1970. None means never.

    Attributes:
        missing: How many rows got no result from their jobs. They can be asked again.
    """

    def __init__(
        self, *options: Any, jobs: BatchJobs, ledger: JobsJournal, adapter: Provider, give_up_at: float | None = None
    ) -> None:
        super().__init__(*options)
        self._jobs, self._ledger, self._adapter, self._give_up_at = jobs, ledger, adapter, give_up_at
        self._ledger_rows = LedgerRows(adapter)
        self._filling: dict[str, Filling] = {}
        self._ended_jobs: list[Job] = []
        self._in_jobs, reserved = ledger.reserved()
        self.cap.reserved += reserved
        self.missing = 0
        self._ending_event = asyncio.Event()

    @property
    def left(self) -> int:
        """How many rows have been read and have no line yet."""
        return super().left - len(self._calls) + self._in_jobs + sum(len(each.items) for each in self._filling.values())

    async def run(self) -> None:
        """Run until all jobs have ended, those of earlier runs first."""
        for job in self._ledger.jobs():
            self._say(f"job {job.name} of an earlier run is taken up again")
            self._begin(self._follow(job))
        await super().run()

    @property
    def _ahead(self) -> int:
        return min(self._jobs.max_requests, MOST_REQUESTS)

    def _is_finished(self) -> bool:
        return not self._ended_jobs and (self._is_ending or not self._filling) and super()._is_finished()

    def _look(self, chunk: list[Row]) -> list[Found]:
        found = super()._look(chunk)
        for row, known in zip(chunk, found, strict=True):
            known.is_in_job = known.state == "asked" and self._ledger.has(row.number)
        return found

    def _write_down(self, asked: list[Row], settled: list[Settled], size: int) -> None:  # noqa: ARG002
        """Write down what was settled. Rows are written down with their jobs: before, they have certainly cost nothing."""
        super()._write_down([], settled, size)

    async def _step(self) -> None:
        await super()._step()
        if self._is_ending:  # jobs that were sent go on with the provider, and the next run collects them
            self._ending_event.set()
        while self._ended_jobs and not self._settled and not self._unwritten:
            try:
                missing, cost = await self._in_thread(self._ledger.close, self._ended_jobs[-1].name)
            except sqlite3.Error as error:
                self._wait_for_room(error)
                return
            self._ended_jobs.pop()
            self._in_jobs -= missing
            self.missing += missing
            self.cap.reserved -= cost

    def _pump(self) -> None:
        """Put the rows that are ready into jobs, and send those that are full. At the end of the input, send all."""
        while self._ready and not self._is_ending:
            if not self.cap.reserve(self._ready[0]):
                self.end("max_cost", f"the next row may cost more than what is left of {self.cap.most:g} USD")
                break
            self._put(self._ready.popleft())
        is_last = self._reader.is_at_end and not self._new and not self._ready
        if is_last or self.summary.ending == "max_cost":
            for filling in list(self._filling.values()):
                self._send(filling)
        self._wake_for_new()

    def _put(self, row: Row) -> None:
        """Put a row into the job that is being filled, or into the next one if it does not fit."""
        assert row.request is not None
        model = self._adapter.resolve(row.request.model)[0]
        key = model if self._jobs.one_model else ""
        for _ in range(2):
            filling = self._filling.get(key) or Filling(self._ledger.next_name(), model)
            item = f"{filling.name}-{len(filling.items)}"
            try:
                line = self._jobs.line(BatchItem(item, msgspec.structs.replace(row.request, model=model)))
            except CompletionError as error:
                self.cap.book(row, None, may_be_charged=False)
                self._write(row, self._failed(error, model))
                return
            self._filling[key] = filling
            most = min(self._jobs.max_bytes, MOST_BYTES)
            if not filling.items or (len(filling.items) < self._ahead and filling.size + len(line) + 1 <= most):
                filling.items.append((item, row))
                filling.lines.append(line)
                filling.size += len(line) + 1
                return
            self._send(filling)

    def _send(self, filling: Filling) -> None:
        self._filling = {key: each for key, each in self._filling.items() if each is not filling}
        if filling.items:
            self._in_jobs += len(filling.items)
            self._begin(self._submit(filling))

    async def _submit(self, filling: Filling) -> None:
        """Send a job. Its name is on the disk before, and its id after."""
        job = Job(filling.name, filling.model, time.time())
        await self._in_thread(self._ledger.begin, job, filling.items)
        lines, count, filling.items = filling.lines, len(filling.items), []
        try:
            job.id = await self._jobs.submit(job.name, job.model, lines)
        except CompletionError as error:
            known = "absent" if error.type not in _UNCERTAIN else await self._find(job)
            if known == "absent":
                self._ended_jobs.append(job)
                self.end("stopped", f"job {job.name} could not be sent: {error.message}", error.type)
            if known != "found":
                return
        finally:
            filling.lines = []
        self._say(f"job {job.name} has been sent, with {count:,} rows: {job.id}")
        await self._in_thread(self._ledger.set_id, job.name, job.id)
        await self._follow(job)

    async def _find(self, job: Job) -> Literal["found", "absent", "unknown"]:
        """Look whether the provider has a job of which we have no id. If nobody can tell, the run ends, and the job stays."""
        wait, requests = FIRST_POLL, await self._in_thread(self._ledger.requests, job.name)
        for number in range(FINDS):
            if number and await self._waited(wait):
                return "unknown"
            wait *= GROWTH
            with contextlib.suppress(CompletionError):
                found = await self._jobs.find(job.name, job.created, requests)
                others = {each.id for each in await self._in_thread(self._ledger.jobs)}
                if found is not None and found not in others:
                    job.id = found
                    return "found"
                if number:  # a job that is new may not be listed at once
                    return "absent"
        self.end("stopped", f"nobody can say whether the provider has job {job.name}", "connection")
        return "unknown"

    async def _follow(self, job: Job) -> None:
        """Wait until a job has ended, and write its results down. If the run ends before, leave the job to the next one."""
        if job.id is None:
            known = await self._find(job)
            if known == "absent":
                self._ended_jobs.append(job)
            if known != "found":
                return
            await self._in_thread(self._ledger.set_id, job.name, job.id)
        wait, is_cancelled = FIRST_POLL, False
        while True:
            try:
                status = await self._jobs.status(job.id or "")
                if status.state != "running":
                    break
                if not is_cancelled and self._give_up_at is not None and time.time() >= self._give_up_at:
                    self._say(f"job {job.name} is cancelled, as there is not enough time left for it")
                    await self._jobs.cancel(job.id or "")
                    is_cancelled = True
            except CompletionError as error:
                self._say(f"job {job.name}: {error.message}")
                if not error.retryable and error.type not in _UNCERTAIN:
                    self.end("stopped", error.message, error.type)
            if await self._waited(wait):
                return
            wait = min(LONGEST_POLL, wait * GROWTH)
        self._say(f"job {job.name} has ended ({status.native_state}){status.problem and ': ' + status.problem}")
        if status.state == "failed":
            self._ended_jobs.append(job)
            self.end("stopped", f"the provider refused job {job.name}: {status.problem}", "invalid_request")
            return
        await self._collect(job)

    async def _collect(self, job: Job) -> None:
        try:
            async for result in self._jobs.results(job.id or ""):
                if not result.id.startswith(f"{job.name}-"):
                    await self._mistaken(job)
                    return
                row = await self._in_thread(self._ledger.row, result.id)
                if row is not None:
                    self._take(job, row, result)
        except CompletionError as error:
            self.end("stopped", f"the results of job {job.name} cannot be read: {error.message}", error.type)
            return
        self._ended_jobs.append(job)

    async def _mistaken(self, job: Job) -> None:
        """Look again for a job that was taken for another one: some providers show only by the results whose a job is."""
        self._say(f"{job.id} is not job {job.name}, which is looked for again")
        job.id = None
        await self._in_thread(self._ledger.set_id, job.name, None)
        await self._follow(job)

    def _take(self, job: Job, row: Row, result: BatchResult) -> None:
        """Write a result down. A row that was not answered because its job ended can be asked again."""
        completion, error = result.completion, result.error
        if completion is None and (error is None or error.retryable):
            return
        if error is not None:
            answer = self._failed(error, None if completion is None else completion.model)
        else:
            assert completion is not None
            if (schema := row.arguments.get("response_schema")) is not None:
                read_structured(completion, _check(msgspec.json.encode(schema)))
            answer = read_tool_result(completion_result(completion), self._adapter.name, completion.model)
        self._ledger_rows.add(job, result)
        # A completion beside an error is one that is of no use and was billed all the same.
        cost = None if completion is None else completion.cost_usd
        row.cost = self.cap.book(row, cost, may_be_charged=completion is not None)
        self._in_jobs -= 1
        self._write(row, answer)

    def _failed(self, error: CompletionError, model: str | None) -> Any:
        result = error_result(error, self._adapter.name, self._adapter.title, model, "")
        return read_tool_result(result, self._adapter.name, model or "")

    async def _waited(self, seconds: float) -> bool:
        """Wait, and return whether the run is ending."""
        if self._give_up_at is not None:
            seconds = min(seconds, max(0.1, self._give_up_at - time.time())) if time.time() < self._give_up_at else seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending_event.wait()
        return self._ending_event.is_set()


@functools.lru_cache(16)
def _check(schema: bytes) -> Check:
    from mcp_models.servers.core.structured import Check

    return Check(msgspec.json.decode(schema))
