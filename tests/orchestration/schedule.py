"""Decide from a seed what each provider does with each call."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

ERRORS = {
    "rate_limit": {"rate_limit"},
    "overloaded": {"overloaded"},
    "error": {"provider_error"},
    "hang_up": {"connection"},
    "cut": {"connection"},
    "hang": {"timeout"},
    "invalid": {"invalid_request"},
}
"""The fates that are failures, and as which types they may be reported."""


class Fate(NamedTuple):
    """What happens to one request.

    Attributes:
        kind: `answer`, or one of `ERRORS`.
        seconds: How long it takes.
    """

    kind: str
    seconds: float = 0.0


class Schedule:
    """The fates of all calls. The same seed gives the same ones, in whatever order the calls come.

    Args:
        seed: The seed.
        shares: How likely each kind of failure is.
        slow: How likely it is that an answer is slow.
        slow_seconds: How long a slow answer takes.
        outage: The calls in which the provider `primary` always fails.
        primary: That provider.
    """

    def __init__(
        self,
        seed: int,
        shares: Mapping[str, float],
        slow: float = 0.0,
        slow_seconds: float = 1.0,
        outage: range = range(0),
        primary: str = "",
    ) -> None:
        self._seed, self._shares, self._slow, self._slow_seconds = seed, shares, slow, slow_seconds
        self._outage, self._primary = outage, primary

    def fate(self, provider: str, number: int) -> Fate:
        """Return what the provider does with a call."""
        if provider == self._primary and number in self._outage:
            return Fate("error")
        chance = random.Random(f"{self._seed}/{provider}/{number}")
        drawn = chance.random()
        for kind, share in self._shares.items():
            if drawn < share:
                return Fate(kind)
            drawn -= share
        if chance.random() < self._slow:
            return Fate("answer", self._slow_seconds)
        return Fate("answer", chance.uniform(0.002, 0.02))
