"""Carry out one call of a `Fallback`: who is asked when, who is stopped, and what the result tells of it."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from mcp_models.client.attempt import RunningAttempt, reasons, stop, total_cost
from mcp_models.client.completion_result import cost_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_models.client.attempt import GroupRequest
    from mcp_models.client.circuit_breaker import CircuitBreaker
    from mcp_models.client.completion_result import CompletionFailure
    from mcp_models.client.group_results import FallbackFailure, FallbackResult
    from mcp_models.client.models.fallback import Fallback


class FallbackCall:
    """One call of a `Fallback`.

    Args:
        fallback: The models, and the rules.
        request: What to ask.
    """

    def __init__(self, fallback: Fallback, request: GroupRequest) -> None:
        self._rules, self._request = fallback, request
        self._waiting = deque(zip(fallback.models, fallback.breakers, strict=True))
        self._attempts: list[RunningAttempt] = []
        self._in_flight: dict[RunningAttempt, CircuitBreaker] = {}
        self._next_at = 0.0
        self._speaker: RunningAttempt | None = None
        self._said: list[str] = []

    async def result(self) -> FallbackResult:
        """Ask the models and return the result, once all of them have stopped."""
        try:
            deciding = await self._deciding()
        finally:
            await stop(self._attempts)
        record = {
            "route": [attempt.record() for attempt in self._attempts],
            "cost_usd": total_cost(cost_of(attempt.result) for attempt in self._attempts),
        }
        result = deciding.result if deciding is not None else None
        if result is not None and result["output"] is not None:
            tokens = sum(attempt.result["tokens_used"] for attempt in self._attempts if attempt.result is not None)
            latency = round((time.monotonic() - self._request.began) * 1000)
            return cast("FallbackResult", {**result, **record, "tokens_used": tokens, "latency_ms": latency})
        return cast("FallbackFailure", {**self._failure(result), **record})

    async def _deciding(self) -> RunningAttempt | None:
        """Ask one model after the other until one decides, and return that. None if all have failed or the time is over."""
        while True:
            now = time.monotonic()
            if self._attempts and self._request.remaining() <= 0:
                self._expire(f"no answer within {self._request.seconds:g} s")
                self._leave_out_the_rest()
                return self._speaker
            if self._waiting and self._speaker is None and now >= self._next_at:
                if self._rules.hedge_after is None:
                    self._expire("no answer within its share of the time")
                self._ask_next(now)
            if not self._in_flight:
                return None
            tasks = [attempt.task for attempt in self._in_flight if attempt.task is not None]
            await asyncio.wait(tasks, timeout=self._pause(now), return_when=asyncio.FIRST_COMPLETED)
            if (attempt := self._settled()) is not None:
                return attempt

    def _pause(self, now: float) -> float:
        """Return how long there is nothing to do unless a model answers."""
        next_in = self._next_at - now if self._waiting and self._speaker is None else math.inf
        return max(0.0, min(self._request.remaining(), next_in))

    def _ask_next(self, now: float) -> None:
        """Ask the next model that is not left out."""
        while self._waiting:
            model, breaker = self._waiting.popleft()
            attempt = RunningAttempt(model, self._request)
            self._attempts.append(attempt)
            if breaker.admits():
                self._begin(attempt, breaker, now)
                return
            _leave_out(attempt, breaker)

    def _leave_out_the_rest(self) -> None:
        """Note which models were not asked because they are left out."""
        for model, breaker in self._waiting:
            if not breaker.admits():
                self._attempts.append(RunningAttempt(model, self._request))
                _leave_out(self._attempts[-1], breaker)

    def _begin(self, attempt: RunningAttempt, breaker: CircuitBreaker, now: float) -> None:
        left, hedge_after = self._request.remaining(), self._rules.hedge_after
        share, soonest = self._share(left)
        is_whole = hedge_after is not None or self._request.on_text is not None
        self._next_at = now + max(share if hedge_after is None else min(hedge_after, share), soonest)
        breaker.begin()
        self._in_flight[attempt] = breaker
        attempt.begin(left if is_whole else min(left, max(share, soonest)), self._taker(attempt))

    def _share(self, left: float) -> tuple[float, float]:
        """Return a model's share of the seconds that are left, and in how many the next one may be asked at the earliest."""
        waits = [breaker.seconds_left() for _, breaker in self._waiting]
        waits = [wait for wait in waits if wait < left]
        if "timeout" not in self._rules.fall_back_on or not waits:  # nobody would be asked after it
            return left, min(waits, default=0.0)
        return left / (1 + len(waits)), min(waits)

    def _taker(self, attempt: RunningAttempt) -> Callable[[str], None] | None:
        """Return what takes the text of a model. The first one with any text is the only one from then on."""
        on_text = self._request.on_text
        if on_text is None:
            return None

        def take(piece: str) -> None:
            if self._speaker is None:
                self._speaker = attempt
                for other in [other for other in self._in_flight if other is not attempt]:
                    del self._in_flight[other]
                    other.cancel()
            if self._speaker is attempt:
                self._said.append(piece)
                on_text(piece)

        return take

    def _settled(self) -> RunningAttempt | None:
        """Take the results that have come, and return the attempt that decides the call, if one does."""
        done = [attempt for attempt in self._in_flight if attempt.task is not None and attempt.task.done()]
        decides = None
        for attempt in done:
            breaker, result = self._in_flight.pop(attempt), attempt.settle()
            if result["output"] is None and result["error_type"] in self._rules.fall_back_on:
                breaker.fail(result)
                self._next_at = 0.0
                if attempt is self._speaker:
                    return attempt
            else:
                breaker.succeed()
                if decides is None or result["output"] is not None:
                    decides = attempt
        return decides

    def _expire(self, error: str) -> None:
        """Stop what is in flight, as its time is over."""
        for attempt, breaker in self._in_flight.items():
            said = "".join(self._said) if attempt is self._speaker else ""
            breaker.fail(attempt.expire(f"{error}.", said or None))
        self._in_flight.clear()

    def _failure(self, deciding: CompletionFailure | None) -> CompletionFailure:
        """Return the failure of the call, with the reasons of all models."""
        failures = [each.result for each in self._attempts if each.result is not None and each.result["output"] is None]
        asked = [each.result for each in self._attempts if each.outcome == "failed"]
        last = deciding or cast("CompletionFailure", asked[-1] if asked else failures[0])
        waits = [each["retry_after"] for each in failures if each["retry_after"] is not None]
        said = f"no model answered: {reasons(failures)}"
        if deciding is not None and deciding["partial"] and self._waiting:
            said = f"{reasons(failures)} Its text had begun, so no other model was asked."
        retryable = deciding["retryable"] if deciding is not None else any(each["retryable"] for each in failures)
        return {**last, "error": said, "retryable": retryable, "retry_after": min(waits, default=None)}


def _leave_out(attempt: RunningAttempt, breaker: CircuitBreaker) -> None:
    if breaker.last is not None:
        seconds, last = breaker.seconds_left(), f"{breaker.last['error_type']}: {breaker.last['error']}"
        said = f"left out for {seconds:.0f} s more, after {breaker.failures} failures in a row; the last: {last}"
        attempt.leave_out(breaker.last, said, seconds)
