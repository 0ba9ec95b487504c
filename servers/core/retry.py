"""Retry a call that failed for a passing reason: how often, after how long, and when to give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from mcp_models.servers.core.errors import CompletionError
from mcp_models.servers.core.log import log_retry

T = TypeVar("T")

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0


async def with_retries(attempt: Callable[[], Awaitable[T]], retries: int, deadline: float, may_retry: Callable[[], bool]) -> T:
    """Call `attempt` until it succeeds, fails for good, or the next try would come too late. Return its result.

    Args:
        attempt: The call. It is retried after a `CompletionError` that is `retryable`.
        retries: How many tries there may be after the first.
        deadline: The deadline on the clock of `time.monotonic`. A `retry_after` beyond it ends the call at once.
        may_retry: Returns whether another try is still possible. It is not once text has been passed on.

    Raises:
        CompletionError: The error of the last try.
    """
    tries = 0
    while True:
        try:
            return await attempt()
        except CompletionError as error:
            tries += 1
            if not error.retryable or error.already_retried or not may_retry():
                raise
            wait = _wait(error, tries)
            has_tries = tries <= retries or error.retry_until_deadline
            if not has_tries or time.monotonic() + wait >= deadline:
                raise
        log_retry(wait, tries)
        await asyncio.sleep(wait)


def _wait(error: CompletionError, tries: int) -> float:
    """Return the seconds to wait: what the provider asked for, or exponential backoff with jitter."""
    if error.retry_after is not None:
        return max(error.retry_after, FIRST_WAIT if error.retry_until_deadline else 0)
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 10))
    return random.uniform(longest / 2, longest)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a response asks you to wait, from `retry-after-ms` or either form of `Retry-After`.

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
