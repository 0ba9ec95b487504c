"""Show how a batch is getting on: a bar in a terminal, and a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mcp_models.client.batch.run import BatchRun

LINE_SECONDS = 10.0


class Progress(Protocol):
    """Something that shows how a batch is getting on."""

    def show(self, run: BatchRun) -> None:
        """Show the counts. Called twice a second."""

    def say(self, sentence: str) -> None:
        """Say something that people should know."""


class Silent:
    """Show nothing."""

    def show(self, run: BatchRun) -> None:
        """Show nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""


class Rate:
    """How many rows are settled a second, over the last half minute or so.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._points = clock, [(clock(), 0)]

    def note(self, settled: int) -> float:
        """Note how many rows are settled, and return the rate."""
        now = self._clock()
        if len(self._points) == 1 and self._points[0][1] == 0:
            self._points = [(self._points[0][0], settled)]  # what earlier runs have settled
        self._points = [*self._points[-60:], (now, settled)]
        first = self._points[0]
        return (settled - first[1]) / (now - first[0]) if now > first[0] else 0.0


class Lines:
    """Write plain lines, for a log.

    Args:
        write: Writes a line.
        total: How many rows there are, if that is known.
        clock: Returns the time in seconds.
    """

    def __init__(self, write: Callable[[str], None], total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._total, self._clock = write, total, clock
        self._rate, self._last = Rate(clock), clock()

    def show(self, run: BatchRun) -> None:
        """Write a line, if the last one is ten seconds old."""
        rate = self._rate.note(run.summary.settled)
        if self._clock() - self._last >= LINE_SECONDS:
            self._last = self._clock()
            self._write(status(run, rate, self._total))

    def say(self, sentence: str) -> None:
        """Write a sentence."""
        self._write(sentence)


def status(run: BatchRun, rate: float, total: int | None) -> str:
    """Return a line with everything that is known."""
    summary = run.summary
    of_all = f"{summary.settled:,}" if total is None else f"{summary.settled:,} of {total:,}"
    left = f", {duration((total - summary.settled) / rate)} left" if total and rate and total > summary.settled else ""
    return f"{of_all} rows, {rate:,.0f}/s{left}; {run.pace.in_flight} in flight; {summary.sentence()}"


def duration(seconds: float) -> str:
    """Return a duration for people: `1 h 05 min`, `3 min 20 s`, `8 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


class Bar:
    """Show a bar with rich.

    Args:
        total: How many rows there are, if that is known.
    """

    def __init__(self, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._bar, self._rate = RichProgress(*columns, console=self._console, refresh_per_second=4), Rate()
        self._task = self._bar.add_task("", total=total)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar as long as the context lasts."""
        with self._bar:
            yield

    def show(self, run: BatchRun) -> None:
        """Move the bar."""
        summary, rate = run.summary, self._rate.note(run.summary.settled)
        failed = ", ".join(f"{name} {count:,}" for name, count in sorted(summary.failures.items()))
        parts = [f"{rate:,.0f}/s", f"{run.pace.in_flight} in flight", f"{summary.tokens:,} tokens", f"{summary.spent:.4f} USD"]
        text = " · ".join([*parts, *([f"failed: {failed}"] if failed else [])])
        self._bar.update(self._task, completed=summary.settled, description=text)

    def say(self, sentence: str) -> None:
        """Write a sentence above the bar."""
        self._console.print(sentence)
