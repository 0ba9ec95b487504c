"""Run a batch: read rows, ask them at the right pace, and write each result down exactly once.

Everything here runs in one event loop. Only the input and the journal have a thread each. What is asked goes through these
hands, in this order: read → new → (journal) → ready → in flight → (output) → settled → (journal).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mcp_models.client.batch.errors import BatchError
from mcp_models.client.batch.output import copy_of, line_of
from mcp_models.client.batch.question import Question
from mcp_models.client.batch.store import settled_row
from mcp_models.client.batch.verdict import LONG_SECONDS, SERVER_ENDED, judge
from mcp_models.client.completion_result import cost_of, failed
from mcp_models.client.errors import ServerStartError, SessionError

if TYPE_CHECKING:
    from mcp_models.client.batch.cap import Cap
    from mcp_models.client.batch.journal import Settled
    from mcp_models.client.batch.pace import Pace
    from mcp_models.client.batch.question import Found
    from mcp_models.client.batch.reader import Reader
    from mcp_models.client.batch.row import Row
    from mcp_models.client.batch.row_store import RowStore
    from mcp_models.client.batch.summary import Ending, Summary
    from mcp_models.client.batch.verdict import Verdict
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.model import Model

COMMIT_SECONDS = 0.25
"""How long a result may wait to be synced. It is in the output at once."""

PATIENCE_SECONDS = 600.0
"""How long calls may be refused for a passing reason without one success before the batch ends."""

TOLD = (10, 100, 1000)
"""After how many refusals in a row people are told."""

FULL_SECONDS = 2.0
"""How long to wait before writing again to a disk that is full."""


class BatchRun:
    """One run over the rows of a batch.

    Args:
        model: The model to ask. Its server does no retries of its own.
        reader: The rows.
        store: The output and its journal.
        pace: How many calls are in flight.
        cap: The sum of money.
        summary: The counts, which start at those of earlier runs.
        tier: The service tier to ask for, unless a row names its own.
        say: Called with a sentence for people, now and then.
    """

    def __init__(
        self,
        model: Model,
        reader: Reader,
        store: RowStore,
        pace: Pace,
        cap: Cap,
        summary: Summary,
        tier: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._model, self._reader, self._store, self._tier, self._say = model, reader, store, tier, say
        self.pace, self.cap, self.summary = pace, cap, summary
        self._thread = ThreadPoolExecutor(1, "batch journal")
        self._new: deque[Row] = deque()
        self._ready: deque[Row] = deque()
        self._delayed: dict[int, Row] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._settled: list[Settled] = []
        self._unwritten: deque[tuple[Row, Any]] = deque()
        self._questions: dict[bytes, Question] = {}
        self._ids: set[str] = set()
        self._answered: list[bytes] = []
        self._woken = asyncio.Event()
        self._troubles, self._last_success = 0, time.monotonic()
        self._failure: BaseException | None = None
        self._is_full = self._is_abandoned = False

    @property
    def left(self) -> int:
        """How many rows have been read and have no line yet."""
        hands: tuple[Sized, ...] = (self._new, self._ready, self._delayed, self._calls, self._unwritten)
        return sum(map(len, hands)) + sum(len(question.followers) for question in self._questions.values())

    async def run(self) -> None:
        """Run until every row has a line, or until the run is ended. The summary says how it went.

        Raises:
            BatchError: The input is not what it was, or cannot be read.
        """
        try:
            while not self._is_finished():
                if not self._is_ending and len(self._new) < self._ahead:
                    self._reader.begin(self._woken.set)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FULL_SECONDS if self._is_full else COMMIT_SECONDS):
                        await self._woken.wait()
                self._woken.clear()
                await asyncio.sleep(0)  # a set event does not let the calls go on
                await self._step()
        except BaseException:
            self.abandon()
            raise
        finally:
            await self._finish()
        if self._failure is not None:
            raise self._failure

    def end(self, ending: Ending, problem: str, error_type: str | None = None) -> None:
        """Begin no more calls. Those in flight are waited for, as they are paid for."""
        if self.summary.ending == "complete":
            self.summary.ending, self.summary.problem, self.summary.error_type = ending, problem, error_type
        self._woken.set()

    def abandon(self) -> None:
        """Cancel the calls in flight, too. They may have been paid for, and are asked again by the next run."""
        self._is_abandoned = True
        for task in self._calls:
            task.cancel()
        self._woken.set()

    @property
    def _is_ending(self) -> bool:
        return self.summary.ending != "complete" or self._failure is not None or self._is_abandoned

    @property
    def _ahead(self) -> int:
        """How many rows to have written down ahead of the calls, so that no call waits for the disk.

        There are fewer under a sum of money: at a kill, all that are written down count as spent.
        """
        return max(8, 2 * int(self.pace.limit)) if self.cap.most is None else max(2, int(self.pace.limit) // 4)

    def _is_finished(self) -> bool:
        if self._calls:
            return False
        if self._is_abandoned:
            return True
        if self._settled or self._unwritten:
            return False
        return self._is_ending or (self._reader.is_at_end and not (self._new or self._ready or self._delayed))

    async def _step(self) -> None:
        """Do what has become possible: write, look at new rows, tell the journal, begin calls."""
        try:
            self._write_again()
            if not self._is_ending and (chunk := self._reader.take()):
                found = await self._in_thread(self._look, chunk)
                for row, known in zip(chunk, found, strict=True):
                    self._admit(row, known)
            await self._commit()
        except BatchError as error:
            self._failure = error
        self._pump()

    # ---- rows come in

    def _look(self, chunk: list[Row]) -> list[Found]:
        return [self._store.look(row) for row in chunk]

    def _admit(self, row: Row, known: Found) -> None:
        """Take in a row: leave it out, answer it at once, let it wait for another one, or get it asked."""
        if known.state in ("done", "failed"):
            return
        if known.is_taken or str(row.id) in self._ids:
            row.problem = row.problem or f"line {row.number}: another row has the id {row.id!r} too"
            row.id, row.fingerprint = f"line {row.number}", b""
        self._ids.add(str(row.id))
        question = self._questions.get(row.fingerprint)
        if known.is_in_job:
            self._questions.setdefault(row.fingerprint, Question())
            return
        if row.problem:
            self._write(row, dict(failed(self._model, "invalid_request", row.problem, retryable=False)))
        elif question is None and known.place is None:
            self._questions[row.fingerprint] = Question()
            self._new.append(row)
        elif question is None or question.place is not None:
            place = known.place if question is None else question.place
            assert place is not None
            self._copy(row, place)
        else:
            question.followers.append(row)

    async def _commit(self) -> None:
        """Tell the journal what was settled, and which rows will be asked next. Then these may be asked."""
        count = 0 if self._is_ending or self._is_full else max(0, self._ahead - len(self._ready))
        asked = [self._new.popleft() for _ in range(min(count, len(self._new)))]
        settled, answered = self._settled, self._answered
        if not asked and not settled:
            return
        self._settled, self._answered = [], []
        try:
            await self._in_thread(self._write_down, asked, settled, self._store.size)
        except (OSError, sqlite3.Error) as error:
            self._new.extendleft(reversed(asked))
            self._settled, self._answered = settled + self._settled, answered + self._answered
            self._wait_for_room(error)
            return
        self._ready.extend(asked)
        self._ids.difference_update(row.id for row in settled)
        for fingerprint in answered:
            del self._questions[fingerprint]

    def _write_down(self, asked: list[Row], settled: list[Settled], size: int) -> None:
        self._store.commit(asked, settled, size)

    # ---- calls

    def _pump(self) -> None:
        """Begin as many calls as may begin now."""
        while self._ready and not self._is_ending and not self._unwritten:
            wait = self.pace.wait()
            if wait is None:
                break
            if wait:
                asyncio.get_running_loop().call_later(min(wait, 1.0), self._woken.set)
                return
            if not self.cap.reserve(self._ready[0]):
                if not self._calls:
                    self.end("max_cost", f"the next call may cost more than what is left of {self.cap.most:g} USD")
                return
            self._begin(self._ask(self._ready.popleft(), self.pace.begin()))
        if 2 * len(self._ready) < self._ahead:
            self._wake_for_new()

    def _wake_for_new(self) -> None:
        """Go on at once if there are new rows that may be written down."""
        if self._new and not (self._is_full or self._is_ending):
            self._woken.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
        self._calls.discard(task)
        self._pump()
        if self._is_ending or not self._calls:
            self._woken.set()

    async def _ask(self, row: Row, began: float) -> None:
        refused = False
        self.summary.asked += 1
        try:
            result = await self._result(row)
            has_own_model = row.arguments.get("model", "") != self._model.model_name
            verdict = judge(result, row.tries, self._troubles, has_own_model)
            refused = verdict.is_refusal
            row.cost += self.cap.book(row, cost_of(result), verdict.may_be_charged or result["output"] is not None)
            self._obey(verdict, row, result)
        finally:
            self.pace.end(began, refused)

    async def _result(self, row: Row) -> CompletionResult:
        arguments = dict(row.arguments)
        prompt = arguments.pop("prompt", "")
        if self._tier is not None:
            arguments.setdefault("service_tier", self._tier)
        try:
            return await self._model.acall(prompt, **arguments)
        except ServerStartError as error:
            return failed(self._model, "configuration", str(error), retryable=False)
        except SessionError as error:
            return failed(self._model, SERVER_ENDED, str(error), retryable=True)

    def _obey(self, verdict: Verdict, row: Row, result: Any) -> None:
        self._count(verdict)
        if verdict.is_refusal and self._troubles in TOLD:
            self._say(f"{self._troubles} calls in a row were refused, and are made again: {result['error']}")
        if verdict.action == "stop":
            self._delayed[row.number] = row
            self.end("stopped", result["error"], result["error_type"])
            return
        if verdict.action == "settle":
            self._write(row, result)
            return
        row.tries += not verdict.is_refusal
        if verdict.hold:
            self.pace.hold(verdict.hold)
            if verdict.hold >= LONG_SECONDS:
                self._last_success = time.monotonic() + verdict.hold
                until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + verdict.hold))
                self._say(f"paused until {until}: {result['error']}")
        self._delayed[row.number] = row
        asyncio.get_running_loop().call_later(verdict.wait, self._ask_again, row)

    def _count(self, verdict: Verdict) -> None:
        """Count refusals in a row, and give up if there is nothing else for too long."""
        if not verdict.is_refusal:
            self._troubles, self._last_success = 0, time.monotonic()
            return
        self._troubles += 1
        if time.monotonic() - self._last_success > PATIENCE_SECONDS:
            self.end("stopped", f"no answer for {PATIENCE_SECONDS / 60:g} minutes", "overloaded")

    def _ask_again(self, row: Row) -> None:
        self._ready.appendleft(self._delayed.pop(row.number))
        self._pump()

    # ---- results go out

    def _write(self, row: Row, result: Any) -> None:
        """Write a row's line, and those of the rows that wait for it. If the disk is full, keep it until it is not."""
        try:
            place = self._store.append(row.number, line_of(row, result))
        except OSError as error:
            self._unwritten.append((row, result))
            self._wait_for_room(error)
            return
        settled = settled_row(row.number, row.id, row.fingerprint or None, result, place, row.cost)
        self._settled.append(settled)
        self._count_settled(settled)
        question = self._questions.get(row.fingerprint)
        if question is not None and question.place is None and not row.problem:
            question.place = place
            self._answered.append(row.fingerprint)
            while question.followers:
                self._copy(question.followers.pop(), place)

    def _copy(self, row: Row, place: int) -> None:
        first, result = copy_of(self._store.read(place))
        self.summary.same += 1
        self._write(row, {**result, "same_as": first})

    def _write_again(self) -> None:
        """Write what did not fit on the disk."""
        self._is_full = False
        for _ in range(len(self._unwritten)):
            self._write(*self._unwritten.popleft())

    def _wait_for_room(self, error: Exception) -> None:
        if not self._is_full:
            self._say(f"the output or its journal cannot be written ({error}): nothing is asked until there is room")
        self._is_full = True

    def _count_settled(self, settled: Settled) -> None:
        if settled.error_type is None:
            self.summary.succeeded += 1
        else:
            self.summary.failures[settled.error_type] = self.summary.failures.get(settled.error_type, 0) + 1
        self.summary.tokens += settled.tokens
        self.summary.spent = self.cap.spent

    async def _finish(self) -> None:
        """Write down what has come, and forget the rows that were not asked."""
        self.summary.left = self.left
        await asyncio.gather(*self._calls, return_exceptions=True)
        with contextlib.suppress(OSError, sqlite3.Error):
            await self._in_thread(self._store.commit, [], self._settled, self._store.size)
            await self._in_thread(self._store.withdraw, [*self._ready, *self._delayed.values()])
        self.summary.spent = self.cap.spent
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
