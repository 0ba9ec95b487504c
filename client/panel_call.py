"""Carry out one call of a `Panel`: all models at once, until enough of them agree."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, cast

from mcp_models.client.attempt import RunningAttempt, failure, reasons, stop, total_cost
from mcp_models.client.completion_result import cost_of
from mcp_models.client.judge import groups_of, question_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_models.client.attempt import GroupRequest
    from mcp_models.client.completion_result import CompletionSuccess
    from mcp_models.client.group_results import PanelAnswer, PanelFailure, PanelResult
    from mcp_models.client.models.panel import Panel

JUDGES_SHARE = 0.25
"""The part of the time that is kept for the judge."""


class PanelCall:
    """One call of a `Panel`.

    Args:
        panel: The models, and the rules.
        request: What to ask.
    """

    def __init__(self, panel: Panel, request: GroupRequest) -> None:
        self._rules, self._request = panel, request
        self._attempts = [RunningAttempt(model, request) for model in panel.models]
        self._judgements: list[RunningAttempt] = []
        self._warnings: list[str] = []
        self._same: list[RunningAttempt] = []  # the largest group of answers that say the same

    async def result(self) -> PanelResult:
        """Ask the models and return the result, once all of them have stopped."""
        seconds = self._request.seconds * (1 if self._rules.judge is None else 1 - JUDGES_SHARE)
        try:
            for attempt in self._attempts:
                attempt.begin(seconds)
            await self._until_enough(seconds)
        finally:
            await stop(self._attempts)
        answered = [attempt for attempt in self._attempts if attempt.outcome == "answered"]
        enough = self._rules.enough or max(2, len(answered))
        everything = [*self._attempts, *self._judgements]
        record = {
            "agree": len(self._same) >= enough,
            "answers": [self._record(attempt) for attempt in self._attempts],
            "judge": [attempt.record() for attempt in self._judgements],
            "cost_usd": total_cost(cost_of(attempt.result) for attempt in everything),
        }
        if not answered:
            return cast("PanelFailure", {**self._failure(), **record})
        chosen = cast("CompletionSuccess", self._same[0].result)
        tokens = sum(attempt.result["tokens_used"] for attempt in everything if attempt.result is not None)
        latency = round((time.monotonic() - self._request.began) * 1000)
        more = {"tokens_used": tokens, "latency_ms": latency, "warnings": [*chosen["warnings"], *self._warnings]}
        return cast("PanelResult", {**chosen, **more, **record})

    async def _until_enough(self, seconds: float) -> None:
        """Wait until all models have answered, enough of them agree, or the time is over."""
        in_flight, answered = list(self._attempts), list[RunningAttempt]()
        deadline = self._request.began + seconds
        while in_flight:
            tasks = [attempt.task for attempt in in_flight if attempt.task is not None]
            left = max(0.0, deadline - time.monotonic())
            done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for attempt in [attempt for attempt in in_flight if attempt.task in done]:
                in_flight.remove(attempt)
                attempt.settle()
            if not done:
                for attempt in in_flight:
                    attempt.expire(f"no answer within {seconds:g} s.")
                in_flight = []
            was, answered = len(answered), [attempt for attempt in self._attempts if attempt.outcome == "answered"]
            enough = self._rules.enough
            if enough is not None and len(answered) >= enough and len(answered) > was:
                await self._group(answered, enough)
                if len(self._same) >= enough:
                    return
        if answered and (self._rules.enough is None or not self._same):
            await self._group(answered, len(answered))

    async def _group(self, answered: list[RunningAttempt], enough: int) -> None:
        """Find the largest group of answers that say the same. Ask the judge if too few use the same words."""
        words = [_words(cast("CompletionSuccess", attempt.result)) for attempt in answered]
        groups: Sequence[object] = words
        if self._rules.judge is not None and len(set(words)) > 1 and max(Counter(words).values()) < enough:
            distinct = list(dict.fromkeys(words))
            outputs = [cast("CompletionSuccess", answered[words.index(each)].result)["output"] for each in distinct]
            question = question_of(self._request.arguments)
            found, judgement = await groups_of(self._rules.judge, question, outputs, self._request.remaining())
            self._judgements.append(judgement)
            if found is None:
                why = reasons([judgement.result]) or "its answer does not fit the schema"
                self._warnings.append(f"the judge did not say which answers agree: {why}")
            else:
                groups = [found[distinct.index(each)] for each in words]
        largest = max(Counter(groups).items(), key=lambda item: (item[1], -groups.index(item[0])))[0]
        self._same = [attempt for attempt, group in zip(answered, groups, strict=True) if group == largest]

    def _record(self, attempt: RunningAttempt) -> PanelAnswer:
        tried, result = attempt.record(), attempt.result
        answer = result if result is not None and result["output"] is not None else None
        return {
            "provider": tried["provider"],
            "model": tried["model"],
            "outcome": tried["outcome"],
            "output": answer and answer["output"],
            "structured": answer and answer["structured"],
            "agrees": attempt in self._same,
            "stop_reason": answer and answer["stop_reason"],
            "usage": answer and answer["usage"],
            "tokens_used": result["tokens_used"] if result is not None else 0,
            "cost_usd": tried["cost_usd"],
            "latency_ms": tried["latency_ms"],
            "error_type": tried["error_type"],
            "error": tried["error"],
        }

    def _failure(self) -> PanelFailure:
        """Return the failure of a panel in which no model answered, with all reasons."""
        results = [attempt.result for attempt in self._attempts]
        failures = [result for result in results if result is not None and result["output"] is None]
        first = failures[0] if failures else failure(self._rules, "timeout", "no time.")
        waits = [each["retry_after"] for each in failures if each["retry_after"] is not None]
        said = f"no model answered: {reasons(failures)}"
        retryable = any(each["retryable"] for each in failures)
        more = {"error": said, "retryable": retryable, "retry_after": min(waits, default=None), "partial": None}
        return cast("PanelFailure", {**first, **more})


def _words(result: CompletionSuccess) -> str:
    """Return what an answer says, without what makes no difference: white space, case, and the order of keys in JSON."""
    if result["structured"] is not None:
        return json.dumps(result["structured"], sort_keys=True, ensure_ascii=False).casefold()
    return " ".join(result["output"].casefold().split())
