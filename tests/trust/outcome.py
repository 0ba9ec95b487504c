"""Check a claim, and hold what the check has found: its figures, and whatever contradicts the claim."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What the check of a claim has found.

    Attributes:
        claim: The claim, in one sentence.
        figures: What was counted or measured, each with its name.
        failures: What contradicts the claim. The claim holds if there is nothing.
    """

    claim: str
    figures: dict[str, int | str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a figure."""
        self.figures[name] = int(self.figures.get(name, 0)) + number

    def fail(self, what: str) -> None:
        """Note something that contradicts the claim."""
        self.failures.append(what)

    def line(self) -> str:
        """Return the claim and its figures in one line, followed by the first failures, a line each."""
        figures = ", ".join(
            f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}" for name, value in self.figures.items()
        )
        verdict = "holds" if not self.failures else f"FAILS {len(self.failures):,} times"
        return "\n".join([f"{self.claim}: {verdict} ({figures})", *(f"    {what[:500]}" for what in self.failures[:12])])


def holds(name: str, check: Callable[[], Outcome]) -> bool:
    """Check a claim, print its line with the seconds that this took, and return whether it holds.

    Args:
        name: What to call it in the line.
        check: Checks it.
    """
    started = time.monotonic()
    outcome = check()
    outcome.figures["seconds"] = round(time.monotonic() - started)
    print(f"{name}: {outcome.line()}", flush=True)
    return not outcome.failures
