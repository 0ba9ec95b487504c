"""Check that a `Fallback` answers every call inside its deadline or fails it with all reasons, whatever its models do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from mcp_models.client import Fallback, FallbackResult
from tests.orchestration.faulty_provider import FaultyProvider
from tests.orchestration.scene import RULES, model_of, providers
from tests.orchestration.schedule import ERRORS, Schedule
from tests.trust.outcome import Outcome

SHARES = {"rate_limit": 0.08, "overloaded": 0.08, "error": 0.08, "hang_up": 0.05, "cut": 0.05, "hang": 0.03, "invalid": 0.005}
LATE_SHARE = 0.005
"""Which share of the attempts may time out although the schedule says otherwise, on a machine that is busy."""


def check_failures(
    calls: int,
    seconds: float = 4.0,
    slack: float = 0.5,
    in_flight: int = 16,
    seed: int = 19,
    names: tuple[str, ...] = tuple(RULES),
) -> Outcome:
    """Ask through three models that fail by a schedule, in which the first is down for a tenth of all calls.

    Args:
        calls: How many calls there are.
        seconds: The deadline of each.
        slack: How many seconds later than its deadline a call may end, on a machine that is busy.
        in_flight: How many are in flight at once.
        seed: The schedule's seed.
        names: The providers.
    """
    outcome = Outcome("every call through three failing models is answered inside its deadline, or fails with all reasons")
    outage = range(calls // 2, calls // 2 + calls // 10)
    schedule = Schedule(seed, SHARES, outage=outage, primary=names[0])
    with providers(schedule, names) as fakes, ExitStack() as stack:
        models = [model_of(fake, over_mcp=False) for fake in fakes]
        model = stack.enter_context(Fallback(*models, timeout=seconds, leave_out_seconds=0.5))
        for each in models:  # imports the SDKs
            each.call("This is call 1000000")
        for fake in fakes:
            fake.forget()
        started = time.monotonic()
        rows = asyncio.run(_ask_all(model, calls, in_flight))
        outcome.figures["calls"] = calls
        outcome.figures["calls/s"] = round(calls / (time.monotonic() - started))
        for number, (result, took) in enumerate(rows):
            _check(outcome, schedule, fakes, number, result, took, seconds + slack)
        asked, attempts = sum(sum(fake.asked.values()) for fake in fakes), int(outcome.figures.get("attempts", 0))
        outcome.figures["slowest answer in s"] = f"{max(took for result, took in rows if 'error' not in result):.2f}"
        outcome.figures["slowest failure in s"] = f"{max((took for result, took in rows if 'error' in result), default=0):.2f}"
        if asked != attempts:
            outcome.fail(f"the fakes were asked {asked:,} times, the routes have {attempts:,}")
        if int(outcome.figures.get("late against the schedule", 0)) > LATE_SHARE * attempts:
            outcome.fail("too many attempts were late")
        for fake in fakes:
            for objection in fake.wrong[:3]:
                outcome.fail(f"{fake.name}: {objection}")
    return outcome


async def _ask_all(model: Fallback, calls: int, in_flight: int) -> list[tuple[FallbackResult, float]]:
    rows: list[tuple[FallbackResult, float] | None] = [None] * calls
    numbers: Iterator[int] = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            started = time.monotonic()
            result = await model.acall(f"This is call {number}")
            rows[number] = result, time.monotonic() - started

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return [row for row in rows if row is not None]


def _check(
    outcome: Outcome,
    schedule: Schedule,
    fakes: list[FaultyProvider],
    number: int,
    result: FallbackResult,
    took: float,
    seconds: float,
) -> None:
    """Check one result against the schedule."""
    route = result["route"]
    by_name = {fake.name: fake for fake in fakes}
    if took > seconds:
        outcome.fail(f"call {number} took {took:.2f} s: {route}")
    for step in route:
        outcome.count("left out" if step["outcome"] == "left_out" else "attempts")
        fate = schedule.fate(step["provider"], number)
        if step["outcome"] == "failed" and step["error_type"] not in ERRORS.get(fate.kind, ()):
            if step["error_type"] == "timeout":
                outcome.count("late against the schedule")
            else:
                outcome.fail(f"call {number}: {step} for {fate}")
    if "error" in result:
        outcome.count("failed with all reasons")
        _check_reasons(outcome, fakes, number, result)
        return
    outcome.count("answered")
    outcome.count(f"by {result['provider']}")
    if result["output"] != by_name[result["provider"]].text(number) or route[-1]["outcome"] != "answered":
        outcome.fail(f"call {number}: {result}")


def _check_reasons(outcome: Outcome, fakes: list[FaultyProvider], number: int, result: Any) -> None:
    route = result["route"]
    stopped_early = route[-1]["error_type"] == "invalid_request"
    if [step["provider"] for step in route] != [fake.name for fake in fakes][: len(route)]:
        outcome.fail(f"call {number}: the order is wrong: {route}")
    if len(route) < len(fakes) and not stopped_early:
        outcome.fail(f"call {number}: not all were asked: {route}")
    for step in route:
        if not step["error"] or step["error"] not in result["error"]:
            outcome.fail(f"call {number}: {step} is not among the reasons: {result['error']}")
