"""Run an event loop in a thread of its own, for callers in other threads and in other loops."""

from __future__ import annotations

import threading
from contextlib import suppress

from mcp_models.client.errors import ServerTimeoutError, SessionError
from mcp_models.client.pending_call import PendingCall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Future
    from typing import Any

CLOSE_SECONDS = 5.0
"""How long the work in flight may take to stop."""


class LoopThread:
    """An event loop in its own thread. It runs until `close`.

    Args:
        name: The thread's name.
        cleanup: Awaited in the loop at its end.
    """

    def __init__(self, name: str, cleanup: Callable[[], Awaitable[None]] | None = None) -> None:
        import asyncio

        self._cleanup = cleanup
        self._lock, self._closing = threading.RLock(), False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def begin(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> PendingCall:
        """Start a coroutine, and return without waiting for its result. Abandoning the call cancels it.

        Args:
            work: Returns the coroutine. Its result is a dict.

        Raises:
            SessionError: The loop has been closed.
        """
        import asyncio

        with self._lock:
            if self._closing:
                raise SessionError("the model was closed while it was asked")
            running = asyncio.run_coroutine_threadsafe(work(), self._loop)

        def abandon(_reason: str) -> None:
            running.cancel()

        pending = PendingCall(abandon, lambda seconds: ServerTimeoutError(f"no answer within {seconds:g} s"))
        running.add_done_callback(lambda done: _pass_on(done, pending))
        return pending

    def close(self) -> None:
        """Cancel the work in flight and end the thread, in bounded time."""
        with self._lock:
            if not self._closing and self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._closing = True
        if threading.current_thread() is not self._thread:  # the garbage collector may close it from within
            self._thread.join(2 * CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            with suppress(TimeoutError):
                self._loop.run_until_complete(self._end())
        finally:
            self._loop.close()

    async def _end(self) -> None:
        import asyncio

        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(CLOSE_SECONDS):
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._cleanup is not None:
                await self._cleanup()
            await self._loop.shutdown_asyncgens()
            await self._loop.shutdown_default_executor()


def _pass_on(work: Future[dict[str, Any]], pending: PendingCall) -> None:
    if work.cancelled():
        pending.fail(SessionError("the model was closed while it was asked"))
    elif error := work.exception():
        pending.fail(error)
    else:
        pending.succeed(work.result())
