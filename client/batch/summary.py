"""Hold what a batch has come to so far."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Ending = Literal["complete", "interrupted", "max_cost", "stopped"]


class Summary(Struct):
    """What a batch has come to, over all its runs.

    Attributes:
        succeeded: Rows with an answer.
        failures: Rows without one, by the type of the error.
        left: Rows that were read and have no line yet. More may not have been read.
        same: Rows of this run that got the answer of another row.
        asked: Calls of this run.
        tokens: Tokens in and out.
        spent: Dollars that were spent, those included that may have been.
        ending: How the run ended.
        problem: Why, if it is not complete. For people.
        error_type: The type of the error that stopped the run.
    """

    succeeded: int = 0
    failures: dict[str, int] = {}
    left: int = 0
    same: int = 0
    asked: int = 0
    tokens: int = 0
    spent: float = 0.0
    ending: Ending = "complete"
    problem: str = ""
    error_type: str | None = None

    @property
    def failed(self) -> int:
        """Rows without an answer."""
        return sum(self.failures.values())

    @property
    def settled(self) -> int:
        """Rows with a line in the output."""
        return self.succeeded + self.failed

    def sentence(self) -> str:
        """Return the counts for people, in one line."""
        parts = [f"{self.succeeded:,} succeeded", f"{self.failed:,} failed{_by_type(self.failures)}"]
        if self.ending != "complete":
            parts.append(f"{self.left:,} or more left")
        if self.same:
            parts.append(f"{self.same:,} answered by another row's call")
        return ", ".join([*parts, f"{self.tokens:,} tokens", f"{self.spent:.4f} USD"])


def _by_type(failures: dict[str, int]) -> str:
    if not failures:
        return ""
    return f" ({', '.join(f'{name} {count:,}' for name, count in sorted(failures.items()))})"
