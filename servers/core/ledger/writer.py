"""Write the ledger from a thread: rows in batches, and reservations at once.

There is one `Writer` a process and ledger. Its thread starts with the first row, and everything slow is imported there.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import os
import queue
import threading
import time
from concurrent.futures import Future

from mcp_models.servers.core.ledger import row
from mcp_models.servers.core.ledger.pending import PendingError, PendingRows, Segment, left_behind
from mcp_models.servers.core.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_models.servers.core.ledger.budget import BudgetError
    from mcp_models.servers.core.ledger.row import Row
    from mcp_models.servers.core.ledger.store import Reservation, Store
    from mcp_models.servers.core.ledger.target import Target

FLUSH_SECONDS = 0.25
"""How long rows may wait for others to be written with them."""

LONGEST_BREAK = 60.0
"""How many seconds to leave a ledger alone that cannot be written. The first break is one second, each further one longer."""

MOST_ROWS = 500
"""How many rows are written in one transaction, so that many that wait take little memory and keep no other process waiting."""

LOOK_SECONDS = 60.0
"""How often to look for rows that killed processes have left behind."""

EXIT_SECONDS = 1.0
"""How long the end of a program may wait for its rows to be written. They are safe without that."""

logger = logging.getLogger("mcp_models")


class Job:
    """Something for the thread to do.

    Args:
        reservation: A reservation to make. None means only to write what is waiting, now.
    """

    def __init__(self, reservation: Reservation | None = None) -> None:
        self.reservation = reservation
        self.done: Future[float | BudgetError] = Future()


class Writer:
    """The one writer to a ledger in this process.

    Args:
        target: Where the ledger is.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._folder = target.pending_folder()
        self.pending = PendingRows(self._folder)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()  # None: rows are waiting
        self._is_told = False
        self._store: Store | None = None
        self._segments: list[Segment] = []
        self._next_look = 0.0
        self._failures, self._next_try = 0, 0.0
        self._has_warned = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, record: Row) -> None:
        """Add a row. It is safe once this returns, and in the database a moment later."""
        try:
            self.pending.append(record)
        except PendingError as error:
            self._warn(f"the ledger {self._target}: {error}.")
        if record.reserved:
            self._put(Job())  # frees what was reserved
        elif not self._is_told:
            self._is_told = True
            self._put(None)

    def reserve(self, reservation: Reservation) -> Future[float | BudgetError]:
        """Make a reservation.

        Returns:
            A future of the time at which it was made, or of why the budget does not allow it. It fails with a `StoreError` if
            the database cannot be used.
        """
        job = Job(reservation)
        self._put(job)
        return job.done

    def flush(self) -> Future[float | BudgetError]:
        """Write what is waiting now. The future ends when that has been done, or cannot be done now."""
        job = Job()
        if self._thread is None:  # there was no row
            job.done.set_result(0.0)
        else:
            self._put(job)
        return job.done

    def finish(self) -> None:
        """Write what is waiting before the program ends, unless that takes long: it is safe, and written by the next one."""
        with contextlib.suppress(Exception):
            self.flush().result(EXIT_SECONDS)

    def _put(self, job: Job | None) -> None:
        self._jobs.put(job)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            jobs = self._next_jobs()
            self._is_told = False  # before the rows are taken, so that a later one is told again
            try:
                self._work(jobs)
            except Exception as error:  # the ledger must never cost an answer
                self._fail(error, jobs)

    def _next_jobs(self) -> list[Job]:
        """Wait for something to do. Rows alone may wait for others, or for the end of a break."""
        jobs = [self._jobs.get()]
        until = max(time.monotonic() + FLUSH_SECONDS, self._next_try)
        while jobs[-1] is None:
            try:
                jobs.append(self._jobs.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        with contextlib.suppress(queue.Empty):
            while True:
                jobs.append(self._jobs.get_nowait())
        return [job for job in jobs if job is not None and job.done.set_running_or_notify_cancel()]

    def _work(self, jobs: list[Job]) -> None:
        """Write what is waiting and make the reservations. If a connection from earlier fails, try once with a new one."""
        from mcp_models.servers.core.ledger.store import StoreError

        reservations = [job.reservation for job in jobs if job.reservation is not None]
        if not reservations and time.monotonic() < self._next_try:
            self._jobs.put(None)  # the rows wait until the end of the break
            self._finish(jobs, ())
            return
        is_new = self._store is None
        try:
            results = self._write(reservations)
        except StoreError:
            self._disconnect()
            if is_new:
                raise
            results = self._write(reservations)
        self._failures = 0
        self._finish(jobs, results)

    def _write(self, reservations: list[Reservation]) -> list[float | BudgetError]:
        if self._store is None:
            self._store = self._target.open()
        if time.monotonic() >= self._next_look or (reservations and self._store.has_expired()):
            self._segments += left_behind(self._folder)  # before the reservations of killed calls are freed
            self._next_look = time.monotonic() + LOOK_SECONDS
        if segment := self.pending.take():
            self._segments.append(segment)
        rows = itertools.chain.from_iterable(segment.rows() for segment in self._segments)
        while len(batch := list(itertools.islice(rows, MOST_ROWS))) == MOST_ROWS:
            self._store.write(batch, [])
        results = self._store.write(batch, reservations)
        for segment in self._segments:
            segment.remove()
        self._segments.clear()
        return results

    def _finish(self, jobs: list[Job], results: Iterable[float | BudgetError]) -> None:
        given = iter(results)
        for job in jobs:
            job.done.set_result(0.0 if job.reservation is None else next(given))

    def _fail(self, error: Exception, jobs: list[Job]) -> None:
        """Warn once and leave the ledger alone for a while. What waits is written later."""
        self._disconnect()
        self._failures += 1
        self._next_try = time.monotonic() + min(LONGEST_BREAK, 2.0 ** (self._failures - 1))
        self._warn(f"the ledger {self._target} cannot be written: {error}. Calls go on without it, unless there is a budget.")
        for job in jobs:
            if job.reservation is None:
                job.done.set_result(0.0)
            else:
                job.done.set_exception(error)
        self._jobs.put(None)  # try again

    def _disconnect(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _warn(self, sentence: str) -> None:
        """Say on stderr, once, that something is wrong. In your own program, your handlers of `logging` get it instead."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning(redact(sentence))


_writers: dict[Target, Writer] = {}
_lock = threading.Lock()


def writer_to(target: Target) -> Writer:
    """Return this process's writer to a ledger."""
    with _lock:
        if target not in _writers:
            writer = _writers[target] = Writer(target)
            atexit.register(writer.finish)
        return _writers[target]


def _after_fork() -> None:
    """Leave the parent's writers to the parent."""
    global _lock
    _lock = threading.Lock()
    for writer in _writers.values():
        writer.pending.discard()
    _writers.clear()
    row.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
