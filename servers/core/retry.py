"""Owns the one retry policy: which failures are tried again, after how long, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from mcp_models.servers.core.errors import CompletionError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0


async def with_retries(attempt: Callable[[], Awaitable[T]], retries: int, deadline: float, may_retry: Callable[[], bool]) -> T:
    """Runs `attempt` until it succeeds, fails for good, or the next try would come too late.

    Args:
        attempt: The call; a `CompletionError` that is `retryable` is tried again.
        retries: How many more tries there may be after the first.
        deadline: On the clock of `time.monotonic`; a longer `retry_after` ends the call at once.
        may_retry: Whether another try is still possible; no longer once text has come.
    """

    def retryable(error: BaseException) -> bool:
        return isinstance(error, CompletionError) and error.retryable and not error.exhausted and may_retry()

    try:
        return await attempt()
    except CompletionError as error:
        if not retryable(error):
            raise
        failures = [error]

    async def again() -> T:
        """Fails as the first attempt did, and then tries: the loop takes 24 ms to import, so it begins where it is needed."""
        if failures:
            raise failures.pop()
        return await attempt()

    return await _repeat(again, retryable, retries, deadline)


async def _repeat(
    attempt: Callable[[], Awaitable[T]], retryable: Callable[[BaseException], bool], retries: int, deadline: float
) -> T:
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

    def enough(state: RetryCallState) -> bool:
        return not _error(state).patient and stop_after_attempt(1 + retries)(state)

    def too_late(state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep >= deadline

    retrying = AsyncRetrying(
        retry=retry_if_exception(retryable),
        stop=lambda state: enough(state) or too_late(state),
        wait=_wait,
        reraise=True,
    )
    return await retrying(attempt)


def _wait(state: RetryCallState) -> float:
    """What the provider asked for; without its word exponentially longer, with jitter."""
    error = _error(state)
    if error.retry_after is not None:
        return max(error.retry_after, FIRST_WAIT if error.patient else 0)
    longest: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (state.attempt_number - 1))
    return random.uniform(longest / 2, longest)


def _error(state: RetryCallState) -> CompletionError:
    """What the last try failed with; only these are tried again."""
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, CompletionError)
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a response's headers ask to wait, from `retry-after-ms` or either form of `Retry-After`.

    Source: RFC 9110, section 10.2.3; `retry-after-ms` as OpenAI and Anthropic send it.
    """
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        import email.utils

        return max(0.0, round(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 3))
    except ValueError:
        return None
