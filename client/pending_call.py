"""Wait for the answer to a call, in a thread or in a coroutine.

Both wait for the same `Future`, with a time limit, so the logic is written only once.
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
"""How many calls from coroutines may start at the same time. The others wait for a thread."""


class PendingCall:
    """A call whose answer has not arrived yet.

    Args:
        abandon: Stops the work. It is given the reason, and must not block.
        late: Returns the error to raise if there is no answer after that many seconds.

    Attributes:
        future: The future answer.
        not_sent: Arguments that were not sent, because the tool does not accept them.
    """

    def __init__(self, abandon: Callable[[str], None], late: Callable[[float], BaseException]) -> None:
        self.future = Future()
        self.not_sent: list[str] = []
        self._abandon, self._late = abandon, late

    def wait(self, timeout: float) -> dict[str, Any]:
        """Wait for the answer and return it. Wait `timeout` seconds at most.

        Raises:
            BaseException: The call failed, timed out with the error of `late`, or was interrupted. The work has stopped.
        """
        answer: dict[str, Any] = self.wait_for(self.future, timeout, timeout)
        return answer

    async def await_(self, timeout: float) -> dict[str, Any]:
        """Do the same as `wait`, in a coroutine."""
        answer: dict[str, Any] = await self.await_for(self.future, timeout, timeout)
        return answer

    def wait_for(self, future: Future, timeout: float, allowed: float) -> Any:
        """Wait as `wait` does, but for another future that depends on the same work.

        Args:
            future: The future to wait for.
            timeout: How many seconds are left.
            allowed: How many seconds there were in total, for the error message.
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
        """Do the same as `wait_for`, in a coroutine."""
        import asyncio

        loop = _running_loop()
        woken = loop.create_future()

        def set_woken() -> None:
            if not woken.done():
                woken.set_result(None)

        def wake(_: Future) -> None:
            with suppress(RuntimeError):  # the loop has been closed
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
        """Stop the work and fail the call with this error."""
        self.fail(error)
        self._abandon(reason)

    def after(self, see: Callable[[Future], None]) -> PendingCall:
        """Return a call with this one's outcome, once `see` has been called with it. Stopping it stops this one."""
        following = PendingCall(lambda reason: self.stop(RuntimeError("nobody waits for it any more"), reason), self._late)
        following.not_sent = self.not_sent

        def pass_on(done: Future) -> None:
            see(done)
            if error := done.exception():
                following.fail(error)
            else:
                following.succeed(done.result())

        self.future.add_done_callback(pass_on)
        return following

    def succeed(self, result: dict[str, Any]) -> None:
        """Set the answer. Only the first outcome counts."""
        self.future.succeed(result)

    def fail(self, error: BaseException) -> None:
        """Set an error instead of the answer. Only the first outcome counts."""
        self.future.fail(error)

    def leave(self) -> None:
        """Stop the work if it is not done, because nobody waits for it any more."""
        if not self.future.done():
            self.stop(RuntimeError("nobody waits for it any more"), "abandoned")

    def _give_up(self, future: Future, error: BaseException, allowed: float) -> None:
        """Stop the work after a wait without success, unless the future is done by now.

        Raises:
            BaseException: The error of `late` after a timeout, or else whatever interrupted the wait.
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
    """Mark this thread as one that reads answers. Code that runs in it must not wait for an answer."""
    _thread.reads = True
    try:
        yield
    finally:
        _thread.reads = False


async def begun(begin: Callable[[], PendingCall]) -> PendingCall:
    """Run `begin` in a thread, as it may have to wait for a server to start, and return its result.

    If the coroutine is cancelled meanwhile, the call is stopped as soon as it has begun.
    """
    import asyncio

    beginning = _running_loop().run_in_executor(_executor.threads(), begin)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(lambda done: None if done.exception() else done.result().leave())
        raise


class _Executor:
    """The threads in which coroutines start their calls. A server that hangs does not block the loop's own threads."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        fork_safety.remember(self)

    def threads(self) -> ThreadPoolExecutor:
        """Return the threads. They are created on first use."""
        from concurrent.futures import ThreadPoolExecutor

        if self._threads is None:
            self._threads = ThreadPoolExecutor(MOST_BEGINNING, "mcp-models")
        return self._threads

    def after_fork(self) -> None:
        """Forget the threads, as they exist in the parent only."""
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
