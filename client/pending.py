"""Owns what has been asked and not yet answered: an answer, or pieces of one, for which a thread or a coroutine waits.

Both wait for the same `concurrent.futures.Future`, with a bound, so nothing is written twice for the two faces of a model.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress

from mcp_models.client import forks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor
    from typing import Any, Protocol, TypeVar

    T = TypeVar("T")

    class Source(Protocol):
        """Where answers come from."""

        def read(self, until: Callable[[], bool], seconds: float) -> None:
            """Reads answers in this thread, for a moment."""

        def attend(self) -> None:
            """Has them read by another one."""


MOST_BEGINNING = 64
"""How many calls of coroutines may begin at once; the others wait for a thread."""


class Pending:
    """An answer that has not come yet.

    Args:
        abandon: Stops the work, for the reason it is given.
        late: Makes the error for an answer that did not come within so many seconds.
        source: Where it comes from, if a thread that waits for it can read it there.

    Attributes:
        future: The answer.
        dropped: What was asked for and could not be sent.
    """

    def __init__(
        self, abandon: Callable[[str], None], late: Callable[[float], BaseException], source: Source | None = None
    ) -> None:
        self.future: Future[dict[str, Any]] = _future()
        self.dropped: list[str] = []
        self._abandon, self._late, self._source = abandon, late, source

    def wait(self, timeout: float) -> dict[str, Any]:
        """The answer, for which this thread waits `timeout` seconds at the most.

        Raises:
            BaseException: What it failed with; the error of `late`; whatever interrupted the wait. The work has stopped then.
        """
        return self.wait_for(self.future, timeout, timeout)

    async def await_(self, timeout: float) -> dict[str, Any]:
        """As `wait`, in a coroutine."""
        return await self.await_for(self.future, timeout, timeout)

    def wait_for(self, future: Future[T], timeout: float, allowed: float) -> T:
        """As `wait`, for a future that depends on the same work.

        Args:
            future: What to wait for.
            timeout: The seconds that are left.
            allowed: The seconds that there were, for the words of the error.
        """
        if getattr(_thread, "reads", False):
            self.leave()
            raise RuntimeError("on_progress runs in the thread that reads for all calls: ask a model from another one")
        try:
            if self._source is not None:
                self._source.read(future.done, timeout)
            return future.result(_bounded(timeout))
        except BaseException as error:
            if future.done():  # that is its own outcome, or has just come
                return future.result()
            late, reason = self._interrupted(error, allowed)
            self._abandon(reason)
            raise late from None

    async def await_for(self, future: Future[T], timeout: float, allowed: float) -> T:
        """As `wait_for`, in a coroutine."""
        import asyncio

        if self._source is not None:
            self._source.attend()
        try:
            async with asyncio.timeout(_bounded(timeout)):
                return await asyncio.wrap_future(future)
        except BaseException as error:
            if future.done() and not isinstance(error, asyncio.CancelledError):
                return future.result()
            late, reason = self._interrupted(error, allowed)
            asyncio.get_running_loop().run_in_executor(None, self._abandon, reason)  # it may have to wait for a full pipe
            raise late from None

    def stop(self, error: BaseException, reason: str = "closed") -> None:
        """Stops the work and gives this as its outcome."""
        self.fail(error)
        self._abandon(reason)

    def succeed(self, result: dict[str, Any]) -> None:
        """Gives the outcome; only the first one counts."""
        with suppress(InvalidStateError):
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Gives an error as the outcome; only the first one counts."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def leave(self) -> None:
        """Stops the work, if it is not done: nobody waits for it any more."""
        if not self.future.done():
            self.stop(RuntimeError("nobody waits for it any more"), "abandoned")

    def _interrupted(self, error: BaseException, allowed: float) -> tuple[BaseException, str]:
        late = self._late(allowed) if isinstance(error, TimeoutError) else error
        self.fail(late)
        return late, "timeout" if late is not error else "abandoned"


@contextmanager
def reading() -> Iterator[None]:
    """Marks a thread that reads the answers of all calls: what is called there must not wait for one."""
    _thread.reads = True
    try:
        yield
    finally:
        _thread.reads = False


class Feed:
    """Pieces of an answer in the order in which they come, then the answer; each `next` is a future for one more."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: deque[Future[Any]] = deque()
        self._wanted: deque[Future[Any]] = deque()

    def put(self, item: Any) -> None:
        """Adds a piece."""
        self._future().set_result(item)

    def end_with(self, answer: Future[Any]) -> None:
        """Adds an answer, or what it failed with, once it is there."""
        answer.add_done_callback(self._end)

    def next(self) -> Future[Any]:
        """The next piece."""
        with self._lock:
            if self._items:
                return self._items.popleft()
            self._wanted.append(_future())
            return self._wanted[-1]

    def _end(self, answer: Future[Any]) -> None:
        if error := answer.exception():
            self._future().set_exception(error)
        else:
            self.put(answer.result())

    def _future(self) -> Future[Any]:
        """Where the next piece belongs: somebody may wait for it already."""
        with self._lock:
            if self._wanted:
                return self._wanted.popleft()
            self._items.append(_future())
            return self._items[-1]


async def begun(begin: Callable[[], Pending]) -> Pending:
    """What `begin` returns, which may have to wait for a server to start and so runs in a thread.

    A coroutine that is cancelled meanwhile leaves nothing at work.
    """
    import asyncio

    beginning = asyncio.get_running_loop().run_in_executor(_executor.threads(), begin)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(lambda done: None if done.exception() else done.result().leave())
        raise


class _Executor:
    """The threads in which calls of coroutines begin: their own, so that a server that hangs leaves the loop's to others."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        forks.remember(self)

    def threads(self) -> ThreadPoolExecutor:
        """Started when first asked for."""
        from concurrent.futures import ThreadPoolExecutor

        if self._threads is None:
            self._threads = ThreadPoolExecutor(MOST_BEGINNING, "mcp-models")
        return self._threads

    def after_fork(self) -> None:
        """Its threads stayed with the parent."""
        self._threads = None


_executor = _Executor()
_thread = threading.local()


def _future() -> Future[Any]:
    """A future that cannot be cancelled from outside: the coroutine that waits for it may be."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _bounded(timeout: float) -> float:
    return min(timeout, threading.TIMEOUT_MAX)
