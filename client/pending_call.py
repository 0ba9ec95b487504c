"""Waits for an answer that has not come yet, in a thread or in a coroutine.

Both wait for the same `Future`, with a bound, so nothing is written twice for the two.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress

from mcp_models.client import fork_safety
from mcp_models.client.future import Future

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor
    from typing import Any

MOST_BEGINNING = 64
"""How many calls of coroutines may begin at once; the others wait for a thread."""


class PendingCall:
    """An answer that has not come yet.

    Args:
        abandon: Stops the work, for the reason it is given; it must not have to wait.
        late: Makes the error for an answer that did not come within so many seconds.

    Attributes:
        future: The answer.
        not_sent: Arguments that were asked for and that the tool does not take.
    """

    def __init__(self, abandon: Callable[[str], None], late: Callable[[float], BaseException]) -> None:
        self.future = Future()
        self.not_sent: list[str] = []
        self._abandon, self._late = abandon, late

    def wait(self, timeout: float) -> dict[str, Any]:
        """Return the answer, for which this thread waits `timeout` seconds at the most.

        Raises:
            BaseException: What it failed with; the error of `late`; whatever interrupted the wait. The work has stopped then.
        """
        answer: dict[str, Any] = self.wait_for(self.future, timeout, timeout)
        return answer

    async def await_(self, timeout: float) -> dict[str, Any]:
        """As `wait`, in a coroutine."""
        answer: dict[str, Any] = await self.await_for(self.future, timeout, timeout)
        return answer

    def wait_for(self, future: Future, timeout: float, allowed: float) -> Any:
        """As `wait`, for an future that depends on the same work.

        Args:
            future: What to wait for.
            timeout: The seconds that are left.
            allowed: The seconds that there were, for the words of the error.
        """
        if getattr(_thread, "reads", False):
            self.leave()
            raise RuntimeError("on_progress runs in the thread that reads for all calls: ask a model from another one")
        try:
            if not future.wait(timeout):
                raise TimeoutError
        except BaseException as error:
            self._give_up(future, error, allowed)
        return future.result()

    async def await_for(self, future: Future, timeout: float, allowed: float) -> Any:
        """As `wait_for`, in a coroutine."""
        import asyncio

        loop = _running_loop()
        woken = loop.create_future()

        def set_woken() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake(_: Future) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(set_woken)

        future.add_done_callback(wake)
        try:
            async with asyncio.timeout(_bounded(timeout)):
                await woken
        except asyncio.CancelledError as error:
            self._interrupt(error, "abandoned")
            raise
        except BaseException as error:
            self._give_up(future, error, allowed)
        return future.result()

    def stop(self, error: BaseException, reason: str = "closed") -> None:
        """Stop the work and fail with an error."""
        self.fail(error)
        self._abandon(reason)

    def succeed(self, result: dict[str, Any]) -> None:
        """Give the future; only the first one counts."""
        self.future.succeed(result)

    def fail(self, error: BaseException) -> None:
        """Give an error as the future; only the first one counts."""
        self.future.fail(error)

    def leave(self) -> None:
        """Stop the work, if it is not done: nobody waits for it any more."""
        if not self.future.done():
            self.stop(RuntimeError("nobody waits for it any more"), "abandoned")

    def _give_up(self, future: Future, error: BaseException, allowed: float) -> None:
        """Stop the work that was waited for in vain, unless the future has just come.

        Raises:
            BaseException: The error of `late` for a timeout, else what interrupted the wait.
        """
        if future.done() and isinstance(error, Exception):
            return
        late = self._late(allowed) if isinstance(error, TimeoutError) else error
        self._interrupt(late, "timeout" if late is not error else "abandoned")
        raise late from None

    def _interrupt(self, error: BaseException, reason: str) -> None:
        self.fail(error)
        self._abandon(reason)


@contextmanager
def reading() -> Iterator[None]:
    """Mark a thread that reads the answers of all calls: what is called there must not wait for one."""
    _thread.reads = True
    try:
        yield
    finally:
        _thread.reads = False


async def begun(begin: Callable[[], PendingCall]) -> PendingCall:
    """Return what `begin` returns, which may have to wait for a server to start and so runs in a thread.

    A coroutine that is cancelled meanwhile leaves nothing at work.
    """
    import asyncio

    beginning = _running_loop().run_in_executor(_executor.threads(), begin)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(lambda done: None if done.exception() else done.result().leave())
        raise


class _Executor:
    """The threads in which calls of coroutines begin: their own, so that a server that hangs leaves the loop's to others."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        fork_safety.remember(self)

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


def _running_loop() -> AbstractEventLoop:
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("acall and astream need a running asyncio loop: elsewhere use call, in a thread") from None


def _bounded(timeout: float) -> float:
    return min(timeout, threading.TIMEOUT_MAX)
