"""Holds a result that is to come, for threads and coroutines to wait for.

It is a small `concurrent.futures.Future` in which no lock is ever held by Python code: a Ctrl-C between two statements would
leave it held for ever, and with it the thread that reads the answers to all calls.
"""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Future:
    """A result, or the error instead of it, once it is there; only the first one counts."""

    def __init__(self) -> None:
        self._is_open = [True]  # whoever pops it may set the outcome
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: deque[Callable[[Future], None]] = deque()
        self._gate = threading.Lock()
        self._gate.acquire()

    def done(self) -> bool:
        """Return whether it is there."""
        return self._is_done

    def succeed(self, value: Any = None) -> bool:
        """Set the result, and return whether it was the first."""
        return self._set(value, None)

    def fail(self, error: BaseException) -> bool:
        """Set an error, and return whether it was the first."""
        return self._set(None, error)

    def result(self) -> Any:
        """Return the result that is there, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        """Return the error, if it is one."""
        return self._error

    def wait(self, timeout: float) -> bool:
        """Wait until it is there, `timeout` seconds at the most, and return whether it is."""
        if not self._is_done and self._gate.acquire(timeout=min(max(timeout, 0), threading.TIMEOUT_MAX)):
            self._gate.release()
        return self._is_done

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        """Have something called once it is there, in the thread that sets it; at once if it is there already."""
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
