"""Hold the calls at work, and the results that can still be collected."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import errors

if TYPE_CHECKING:
    from mcp_models.servers.core.provider import OnText

KEEP_SECONDS = 3600.0
"""How long a result stays after it was collected, in seconds."""

MOST_RESULTS = 100
MOST_CHARACTERS = 32 * 1024 * 1024
"""The most characters of all kept results together. The newest one is kept in any case."""

MOST_AT_WORK = 1000
"""How many tasks may be at work."""

Result = dict[str, Any]
Clock = Callable[[], float]
Call = Callable[[Callable[[str], None]], Coroutine[Any, Any, Result]]


class Task:
    """One call at work, or its result.

    When the last of those who wait for a task gives up, the work stops, unless the task is promised: then a caller knows its id
    and may ask for it again. So a host that gives up waiting for a `task_id`, or cancels that call, does not lose an answer
    that it pays for. `cancel` stops the work in any case.

    Args:
        call: Returns the result. It is given what to call with each piece of text.
        key: What makes another request identical to this one.
        clock: Returns the time in seconds.

    Attributes:
        id: A short name that nobody can guess.
        promised: Whether a caller knows the id.
        cancelled: Whether the task was stopped.
        characters: How many characters of text have come.
        collected: When the result was last handed out, on the clock. None if it never was.
        touched: When the call ended or the result was last handed out, on the clock.
        size: The size of the kept result, in characters.
        created: The time of day of the beginning, in seconds since 1970.
        changed: The time of day of the end, or of the beginning if it has not ended.
    """

    def __init__(self, call: Call, key: str, clock: Clock) -> None:
        self.id = os.urandom(9).hex()
        self.key = key
        self.promised = self.cancelled = False
        self.characters = self.size = 0
        self.collected: float | None = None
        self.created = self.changed = time.time()
        self._clock, self._started = clock, clock()
        self.touched = self._started
        self._ended: float | None = None
        self._listeners: list[OnText] = []
        self._work = asyncio.ensure_future(call(self._on_text))
        self._work.add_done_callback(self._end)

    @property
    def seconds(self) -> float:
        """How long the call has been at work, or how long it took."""
        return (self._clock() if self._ended is None else self._ended) - self._started

    @property
    def at_work(self) -> bool:
        """Whether the call has not ended."""
        return self._ended is None

    @property
    def result(self) -> Result | None:
        """The result. None if the call is at work or was stopped."""
        return None if self.at_work or self._work.cancelled() else self._work.result()

    @property
    def lifetime(self) -> float | None:
        """The seconds from the beginning until the task is forgotten. None if it waits to be collected."""
        return None if self.collected is None else self.collected - self._started + KEEP_SECONDS

    def when_ended(self, callback: Callable[[Task], None]) -> None:
        """Have a function called with this task when the call has ended."""
        self._work.add_done_callback(lambda _: callback(self))

    async def wait(self, seconds: float | None, on_text: OnText) -> bool:
        """Wait for the end, and return whether it has come.

        Args:
            seconds: How long to wait. None means until the end.
            on_text: Called with each new piece of text meanwhile.
        """
        self._listeners.append(on_text)
        try:
            await asyncio.wait([self._work], timeout=seconds)
        except asyncio.CancelledError:
            if len(self._listeners) == 1 and not self.promised:
                self.cancel()
            raise
        finally:
            self._listeners.remove(on_text)
        return not self.at_work

    def cancel(self) -> None:
        """Stop the work, if it has not ended."""
        self.cancelled = self._work.cancel() or self.cancelled

    async def stop(self) -> None:
        """Stop the work and wait until it has stopped."""
        self.cancel()
        await asyncio.wait([self._work])

    def _on_text(self, text: str) -> None:
        self.characters += len(text)
        for listener in [*self._listeners]:
            listener(text)

    def _end(self, _work: asyncio.Future[Result]) -> None:
        self.changed, self.touched = time.time(), self._clock()
        self._ended = self.touched


class TaskStore:
    """Hold the tasks at work, and by their id those that were promised, with their results.

    A result that nobody has collected stays until there are too many, a collected one for `KEEP_SECONDS`.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at_work: dict[str, Task] = {}
        self._promised: dict[str, Task] = {}

    def begin(self, call: Call, key: str) -> Task:
        """Begin a call as a task.

        Args:
            call: Returns the result. It is given what to call with each piece of text.
            key: What makes another request identical to this one.

        Raises:
            RateLimitError: Too many tasks are at work.
        """
        if len(self._at_work) >= MOST_AT_WORK:
            raise errors.RateLimitError(f"{MOST_AT_WORK:,} tasks are at work in this server.")
        task = self._at_work[key] = Task(call, key, self._clock)
        task.when_ended(self._ended)
        return task

    def identical(self, key: str) -> Task | None:
        """Return the task at work for an identical request, if there is one."""
        task = self._at_work.get(key)
        return task if task is not None and task.at_work and not task.cancelled else None

    def promise(self, task: Task) -> None:
        """Keep a task and its result for a caller that is told its id."""
        if not task.promised:
            task.promised = True
            self._promised[task.id] = task
            if not task.at_work:
                self._ended(task)

    def find(self, task_id: str) -> Task | None:
        """Return a task that was promised. None if there is none with this id any more."""
        self._forget_old()
        return self._promised.get(task_id)

    def collect(self, task: Task) -> Result | None:
        """Return the result of a task that has ended, and note that it was handed out. None if the task was stopped."""
        task.collected = task.touched = self._clock()
        return task.result

    async def aclose(self) -> None:
        """Stop all work."""
        await asyncio.gather(*(task.stop() for task in [*self._at_work.values()]))

    def _ended(self, task: Task) -> None:
        if self._at_work.get(task.key) is task:
            del self._at_work[task.key]
        if task.promised:
            task.size = _size(task.result)
            if task.result is None:
                task.collected = self._clock()  # there is nothing to come for
            self._forget_old()

    def _forget_old(self) -> None:
        """Forget results that were collected long ago, and the oldest if there are too many: collected ones first."""
        oldest = self._clock() - KEEP_SECONDS
        ended = [task for task in self._promised.values() if not task.at_work]
        newest = max(reversed(ended), key=lambda task: task.touched, default=None)  # its caller has just been told the id
        ended.sort(key=lambda task: (task.collected is None, task.touched))
        characters, left = sum(task.size for task in ended), len(ended)
        for task in ended:
            is_old = task.collected is not None and task.collected <= oldest
            if is_old or (task is not newest and (left > MOST_RESULTS or characters > MOST_CHARACTERS)):
                del self._promised[task.id]
                characters, left = characters - task.size, left - 1


def _size(result: Result | None) -> int:
    """Return about how many characters a result takes."""
    try:
        return len(json.dumps(result))
    except RecursionError:  # a structured answer, as deep as can be
        return len(result["content"][0]["text"]) if result else 0
