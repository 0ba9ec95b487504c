"""Decide how many calls are in flight: more as long as the provider takes them, fewer when it refuses."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_LIMIT = 8.0
DECREASE = 0.7
"""What is left of the limit after a refusal. A half, as in RFC 5681, would idle too long where a few refusals are normal."""


class Pace:
    """A limit for the calls in flight, by additive increase and multiplicative decrease.

    Until the first refusal, each success raises the limit by one. After it, each round of calls does.

    Args:
        most: The highest limit.
        clock: Returns the time in seconds.

    Attributes:
        limit: How many calls may be in flight.
        in_flight: How many are.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self.limit = min(FIRST_LIMIT, most)
        self.in_flight = 0
        self._was_refused = False
        self._decreased = float("-inf")
        self._held_until = float("-inf")

    def wait(self) -> float | None:
        """Return how many seconds to wait before the next call: 0 if it may begin, None if another one must end first."""
        held = self._held_until - self._clock()
        if held > 0:
            return held
        return 0.0 if self.in_flight < int(self.limit) else None

    def begin(self) -> float:
        """Count a call that begins, and return the time, for `end`."""
        self.in_flight += 1
        return self._clock()

    def end(self, began: float, refused: bool) -> None:
        """Count a call that has ended.

        Args:
            began: What `begin` returned.
            refused: Whether the provider refused it as one too many. Of the calls that were in flight together, the first
                refusal counts.
        """
        self.in_flight -= 1
        if not refused:
            self.limit = min(self._most, self.limit + (1 / self.limit if self._was_refused else 1))
        elif began >= self._decreased:
            self._was_refused = True
            self._decreased = self._clock()
            self.limit = max(1.0, self.limit * DECREASE)

    def hold(self, seconds: float) -> None:
        """Begin no call for some seconds."""
        self._held_until = max(self._held_until, self._clock() + seconds)
