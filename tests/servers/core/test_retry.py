"""The retry policy."""

from __future__ import annotations

import email.utils
import time

import pytest

from mcp_models.servers.core import errors, retry


class Attempts:
    """A call that fails a number of times, and then succeeds."""

    def __init__(self, *failures: errors.CompletionError) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def two_quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)


async def run(attempts: Attempts, seconds: float = 60, may_retry: bool = True) -> str:
    return await retry.with_retries(attempts, 2, time.monotonic() + seconds, lambda: may_retry)


async def test_a_passing_failure_is_tried_again() -> None:
    attempts = Attempts(errors.OverloadedError("x"), errors.UnreachableError("x"))
    assert await run(attempts) == "done"
    assert attempts.count == 3


async def test_it_gives_up_with_the_last_error() -> None:
    attempts = Attempts(*(errors.OverloadedError(str(n)) for n in range(9)))
    with pytest.raises(errors.OverloadedError, match="2"):
        await run(attempts)
    assert attempts.count == 3


@pytest.mark.parametrize(
    "error", [errors.AuthenticationError("x"), errors.ProviderError("x"), errors.RateLimitError("x", retryable=False)]
)
async def test_a_lasting_failure_is_not_tried_again(error: errors.CompletionError) -> None:
    attempts = Attempts(error)
    with pytest.raises(errors.CompletionError):
        await run(attempts)
    assert attempts.count == 1


async def test_no_second_try_once_text_has_come() -> None:
    attempts = Attempts(errors.UnreachableError("x"))
    with pytest.raises(errors.UnreachableError):
        await run(attempts, may_retry=False)


async def test_the_providers_wait_is_kept() -> None:
    started = time.monotonic()
    assert await run(Attempts(errors.RateLimitError("x", retry_after=0.2))) == "done"
    assert time.monotonic() - started >= 0.2


async def test_a_wait_beyond_the_deadline_ends_the_call_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(errors.RateLimitError) as caught:
        await run(Attempts(errors.RateLimitError("x", retry_after=100)), seconds=5)
    assert caught.value.retry_after == 100
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": email.utils.formatdate(0, usegmt=True)}, 0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry.retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 28 < (retry.retry_after({"retry-after": date}) or 0) <= 30
