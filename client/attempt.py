"""Ask one of several models, as a task of the running loop, and keep what became of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mcp_models.client.completion_result import cost_of, failed
from mcp_models.client.errors import ServerStartError, ServerTimeoutError, SessionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any

    from mcp_models.client.completion_result import CompletionFailure, CompletionResult, ErrorType
    from mcp_models.client.group_results import Attempt, Outcome
    from mcp_models.client.model import Model
    from mcp_models.client.pending_requests import OnProgress

STOP_SECONDS = 1.0
"""How long a model may take to stop. It stops at once, unless its class has an `acall` of its own."""

SHORTEST_SECONDS = 0.001


class GroupRequest:
    """A request to a group of models.

    Args:
        arguments: The arguments of `Model.acall` for every model, without `timeout`.
        seconds: How many seconds all of it may take.
        on_progress: Called with the progress of every model that is asked.
        on_text: Called with each piece of text, if the caller reads the answer as it comes.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        seconds: float,
        on_progress: OnProgress | None,
        on_text: Callable[[str], None] | None,
    ) -> None:
        self.arguments, self.seconds = arguments, seconds
        self.on_progress, self.on_text = on_progress, on_text
        self.began = time.monotonic()

    def remaining(self) -> float:
        """Return the seconds until the deadline."""
        return self.began + self.seconds - time.monotonic()


class RunningAttempt:
    """A model that has been asked, or has been left out.

    Args:
        model: The model.
        request: What to ask.

    Attributes:
        task: The call. None if the model has not been asked.
        result: The answer or the failure. None as long as there is none.
        outcome: What became of it.
    """

    def __init__(self, model: Model, request: GroupRequest) -> None:
        self.model, self._request = model, request
        self.task: asyncio.Task[CompletionResult] | None = None
        self.result: CompletionResult | None = None
        self.outcome: Outcome = "left_out"
        self._began = self._ended = time.monotonic()

    def begin(self, seconds: float, on_text: Callable[[str], None] | None = None) -> None:
        """Ask the model.

        Args:
            seconds: How many seconds its call may take. If the model has a shorter `timeout` of its own, that counts.
            on_text: Called with each piece of text.
        """
        own = self.model.timeout
        arguments = {**self._request.arguments, "timeout": max(SHORTEST_SECONDS, min(seconds, own or seconds))}
        self._began = time.monotonic()
        self.task = asyncio.create_task(self._timed(answer(self.model, arguments, self._request.on_progress, on_text)))

    def settle(self) -> CompletionResult:
        """Take the result of the task, which is done, and return it.

        Raises:
            Exception: The call raised it, such as a `TypeError` for arguments that no JSON can hold.
        """
        assert self.task is not None
        self.result = self.task.result()
        self.outcome = "failed" if self.result["output"] is None else "answered"
        return self.result

    def cancel(self) -> None:
        """Stop the work at the provider, as another model was faster."""
        self._stop()
        self.outcome = "cancelled"

    def expire(self, error: str, partial: str | None = None) -> CompletionFailure:
        """Stop the work at the provider, as its time is over, and return the failure."""
        self._stop()
        failed = self.result = failure(self.model, "timeout", error, partial)
        self.outcome = "failed"
        return failed

    def leave_out(self, last: CompletionFailure, error: str, seconds: float) -> None:
        """Keep why the model was not asked.

        Args:
            last: Its last failure.
            error: Why, for people.
            seconds: In how many seconds it may be asked.
        """
        left_out = self.result = failure(self.model, last["error_type"], error)
        left_out["retryable"], left_out["retry_after"] = True, seconds

    def record(self) -> Attempt:
        """Return what became of it."""
        result = self.result
        return {
            "provider": self.model.provider if result is None else result["provider"],
            "model": self.model.model_name if result is None else result["model"],
            "outcome": self.outcome,
            "error_type": result["error_type"] if result is not None and result["output"] is None else None,
            "error": result["error"] if result is not None and result["output"] is None else None,
            "began_ms": round((self._began - self._request.began) * 1000),
            "latency_ms": round((self._ended - self._began) * 1000),
            "cost_usd": cost_of(result),
        }

    async def _timed(self, work: Awaitable[CompletionResult]) -> CompletionResult:
        try:
            return await work
        finally:
            self._ended = time.monotonic()

    def _stop(self) -> None:
        self._ended = time.monotonic()
        if self.task is not None:
            self.task.cancel()


async def answer(
    model: Model,
    arguments: Mapping[str, Any],
    on_progress: OnProgress | None = None,
    on_text: Callable[[str], None] | None = None,
) -> CompletionResult:
    """Ask a model and return its result. A failure of the bridge is a result, too.

    Args:
        model: The model.
        arguments: The arguments of `acall`.
        on_progress: Called with the model's progress.
        on_text: Called with each piece of text.
    """
    pieces: list[str] = []
    try:
        if on_text is None:
            return await model.acall(**arguments, on_progress=on_progress)
        stream = model.astream(**arguments)
        try:
            async for piece in stream:
                pieces.append(piece)
                on_text(piece)
        finally:
            await stream.aclose()
        return stream.result
    except SessionError as error:
        return failure(model, _error_type(error), str(error), "".join(pieces) or None)


async def stop(attempts: Iterable[RunningAttempt]) -> None:
    """Cancel the attempts that are still at work, and wait until all have stopped, in bounded time."""
    tasks = []
    for attempt in attempts:
        if attempt.task is None:
            continue
        if attempt.result is None and attempt.outcome != "cancelled":
            attempt.cancel()
        tasks.append(attempt.task)
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # now it counts as seen


def failure(model: Model, error_type: ErrorType, error: str, partial: str | None = None) -> CompletionFailure:
    """Return a failure that this process has found.

    Args:
        model: The model that was asked.
        error_type: The type of the error. After any but `configuration`, the call may be tried again.
        error: What happened, for people.
        partial: The text that had come before.
    """
    return failed(model, error_type, error, error_type != "configuration", partial)


def reasons(results: Iterable[CompletionResult | None]) -> str:
    """Return why each of these failed, in one sentence."""
    said = []
    for result in results:
        if result is not None and result["output"] is None:
            name = "/".join(part for part in (result["provider"], result["model"]) if part)
            said.append(f"{name}: {result['error_type']}: {result['error']}")
    return "; ".join(said)


def total_cost(costs: Iterable[float | None]) -> float | None:
    """Return the sum of the costs that are known. None if none is."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _error_type(error: SessionError) -> ErrorType:
    if isinstance(error, ServerTimeoutError):
        return "timeout"
    return "configuration" if isinstance(error, ServerStartError) else "connection"
