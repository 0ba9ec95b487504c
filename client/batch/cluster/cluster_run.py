"""Run a batch through workers elsewhere: gather rows into windows, send them, and write down what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from mcp_models.client.batch.cluster.worker import Item
from mcp_models.client.batch.output import OWN
from mcp_models.client.batch.run import BatchRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_models.client.batch.cluster.shared_journal import SharedJournal
    from mcp_models.client.batch.cluster.worker import Plan, Report
    from mcp_models.client.batch.journal import Settled
    from mcp_models.client.batch.row import Row
    from mcp_models.client.batch.summary import Ending

WINDOW_ROWS, WINDOW_BYTES = 20_000, 32 * 1024 * 1024
"""How many rows, or bytes of arguments, go through the workers at once. They are in memory meanwhile."""


class Cluster(Protocol):
    """Workers that answer rows."""

    def ask(self, plan: Plan, items: Sequence[Item]) -> Iterator[list[Report]]:
        """Yield reports on the rows, a block at a time."""


class ClusterRun(BatchRun):
    """A run whose rows are asked by the workers of a cluster.

    Args:
        options: As for `BatchRun`. The pace is the workers' own.
        cluster: The workers.
        plan: What the workers must know.
        journal: The journal that they share.
    """

    def __init__(self, *options: Any, cluster: Cluster, plan: Plan, journal: SharedJournal) -> None:
        super().__init__(*options)
        self._cluster, self._plan, self._journal = cluster, plan, journal
        self._window: list[Row] = []
        self._bytes = 0
        self._waiting: dict[int, Row] = {}
        self._written: list[int] = []

    @property
    def left(self) -> int:
        """How many rows have been read and have no line yet."""
        return super().left - len(self._calls) + len(self._window) + len(self._waiting)

    def end(self, ending: Ending, problem: str, error_type: str | None = None) -> None:
        """Let the workers begin no more calls. Those in flight are waited for, as they are paid for."""
        super().end(ending, problem, error_type)
        self._journal.end()

    @property
    def _ahead(self) -> int:
        return 0 if self._calls or self._is_full_window() else WINDOW_ROWS - len(self._window)

    def _is_full_window(self) -> bool:
        return len(self._window) >= WINDOW_ROWS or self._bytes >= WINDOW_BYTES

    def _is_finished(self) -> bool:
        return (self._is_ending or not self._window) and not self._written and super()._is_finished()

    def _write_down(self, asked: list[Row], settled: list[Settled], size: int) -> None:  # noqa: ARG002
        """Write down what was settled. What is asked, the workers write down before they ask it."""
        super()._write_down([], settled, size)

    async def _step(self) -> None:
        await super()._step()
        if self._written and not self._settled and not self._unwritten:
            self._journal.forget(self._written)
            self._written = []

    def _pump(self) -> None:
        """Gather rows, and send them when there are many or no more."""
        while self._ready and not self._is_ending and not self._is_full_window():
            row = self._ready.popleft()
            self._window.append(row)
            self._bytes += len(msgspec.json.encode(row.arguments))
        is_last = self._reader.is_at_end and not self._new and not self._ready
        if self._window and not self._calls and not self._is_ending and (is_last or self._is_full_window()):
            rows, self._window, self._bytes = self._window, [], 0
            self._begin(self._send(rows))
        self._wake_for_new()

    async def _send(self, rows: list[Row]) -> None:
        self._waiting = {row.number: row for row in rows}
        items = [Item(row.number, msgspec.json.encode(row.arguments).decode(), row.highest) for row in rows]
        loop, ended = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def work() -> None:
            error: Exception | None = None
            try:
                for reports in self._cluster.ask(self._plan, items):
                    loop.call_soon_threadsafe(self._take, reports)
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(_settle, ended, error)

        # A thread that nobody waits for: at the second Ctrl-C the workers are left alone.
        threading.Thread(target=work, name="batch cluster", daemon=True).start()
        await ended
        if self._waiting and not self._is_ending:
            self.end("stopped", f"{len(self._waiting):,} rows got no result from their workers", "internal")

    def _take(self, reports: list[Report]) -> None:
        """Write down what a worker has sent. Ray may run a block again, so a row may be reported twice."""
        for report in reports:
            if report.ending:
                self.end(report.ending, report.problem, report.error_type)  # type: ignore[arg-type]
                continue
            row = self._waiting.pop(report.number, None)
            if row is None:
                continue
            result = {name: value for name, value in msgspec.json.decode(report.line).items() if name not in OWN}
            row.cost = report.cost if report.cost is not None else result.get("cost_usd") or 0.0
            self.cap.spent += row.cost
            self.summary.asked += 1
            self._written.append(row.number)
            self._write(row, result)
        self._woken.set()


def _settle(ended: asyncio.Future[None], error: Exception | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
