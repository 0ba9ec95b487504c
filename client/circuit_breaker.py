"""Leave out for a while what fails again and again."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_models.client.completion_result import CompletionFailure


class CircuitBreaker:
    """Count failures in a row. After too many, admit nothing for a while, and then one trial in each such while.

    Args:
        most: How many failures in a row are too many.
        seconds: How many seconds to admit nothing.
        clock: Returns the time in seconds.

    Attributes:
        failures: How many failures there were in a row.
        last: The last failure.
    """

    def __init__(self, most: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self.failures = 0
        self.last: CompletionFailure | None = None
        self._closed_until = 0.0

    def admits(self) -> bool:
        """Return whether the next call may begin."""
        return self.failures < self._most or self._clock() >= self._closed_until

    def seconds_left(self) -> float:
        """Return the seconds until the next trial. 0 if a call may begin now."""
        return 0.0 if self.admits() else self._closed_until - self._clock()

    def begin(self) -> None:
        """Note that a call begins. If it is a trial, no other one is admitted for a while, whatever becomes of it."""
        self._closed_until = self._clock() + self._seconds

    def succeed(self) -> None:
        """Note that a call succeeded."""
        self.failures = 0

    def fail(self, failure: CompletionFailure) -> None:
        """Note that a call failed."""
        self.failures += 1
        self.last = {**failure, "partial": None}  # that may be long
        self._closed_until = self._clock() + self._seconds
