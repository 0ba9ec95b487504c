"""Hold a future result that threads and coroutines can wait for.

This is a small `concurrent.futures.Future` whose Python code never holds a lock. If it did, a Ctrl-C between two statements
could leave the lock held for ever, and block the thread that reads the answers to all calls.
"""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Future:
    """A result or an error that arrives later. Only the first one that is set counts."""

    def __init__(self) -> None:
        self._is_open = [True]  # whoever pops the item may set the outcome
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: deque[Callable[[Future], None]] = deque()
        self._gate = threading.Lock()
        self._gate.acquire()

    def done(self) -> bool:
        """Return whether the result or the error has been set."""
        return self._is_done

    def succeed(self, value: Any = None) -> bool:
        """Set the result, and return whether it was the first outcome."""
        return self._set(value, None)

    def fail(self, error: BaseException) -> bool:
        """Set an error, and return whether it was the first outcome."""
        return self._set(None, error)

    def result(self) -> Any:
        """Return the result or raise the error. Call it only once the future is done."""
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        """Return the error, if there is one."""
        return self._error

    def wait(self, timeout: float) -> bool:
        """Wait until the future is done, `timeout` seconds at most. Return whether it is."""
        if not self._is_done and self._gate.acquire(timeout=min(max(timeout, 0), threading.TIMEOUT_MAX)):
            self._gate.release()
        return self._is_done

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        """Call `callback` when the future is done, in the thread that sets it. If it is done already, call it now."""
        self._callbacks.append(callback)
        if self._is_done:
            self._call_back()

    def _set(self, value: Any, error: BaseException | None) -> bool:
        try:
            self._is_open.pop()
        except IndexError:
            return False
        self._value, self._error = value, error
        self._is_done = True
        self._gate.release()
        self._call_back()
        return True

    def _call_back(self) -> None:
        while True:
            try:
                callback = self._callbacks.popleft()
            except IndexError:
                return
            callback(self)
