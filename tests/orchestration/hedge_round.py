"""Compare a hedged `Fallback` with one that is not, and check that the model that is overtaken stops at its provider."""

from __future__ import annotations

import asyncio
import contextlib
import math
import statistics
import time
from contextlib import ExitStack
from typing import Any

from mcp_models.client import Fallback, FallbackResult
from tests.orchestration.faulty_provider import FaultyProvider
from tests.orchestration.scene import RULES, model_of, providers
from tests.orchestration.schedule import Schedule
from tests.peer import wait_until
from tests.trust.outcome import Outcome

SLOW_SECONDS = 1.5
HEDGE_AFTER = 0.15
STOP_SECONDS = 0.1
FEWEST = 100
"""How many calls a 99th percentile needs at least to mean anything."""


def check_hedging(
    calls: int,
    slow: float,
    over_mcp: bool = False,
    streamed: bool = False,
    within: float = STOP_SECONDS,
    in_flight: int = 8,
    seed: int = 19,
    names: tuple[str, ...] = tuple(RULES),
) -> Outcome:
    """Ask the same calls with and without a hedge, in turns, and compare the 99th percentiles.

    Args:
        calls: How many calls there are of each kind.
        slow: Which share of the answers is slow.
        over_mcp: Whether the models are behind servers, or in this process.
        streamed: Whether the answers are streamed.
        within: How many seconds after the winner's last byte the connection of one that is overtaken may stay open.
        in_flight: How many calls are in flight at once.
        seed: The schedule's seed.
        names: The providers.
    """
    way = f"{'behind servers' if over_mcp else 'in this process'}, {'streamed' if streamed else 'whole'}"
    outcome = Outcome(f"a hedge cuts the long tail, and who is overtaken stops within {within * 1000:.0f} ms ({way})")
    with providers(Schedule(seed, {}, slow, SLOW_SECONDS), names) as fakes, ExitStack() as stack:
        models = [model_of(fake, over_mcp) for fake in fakes]
        plain = stack.enter_context(Fallback(*models, timeout=30))
        hedged = stack.enter_context(Fallback(*models, timeout=30, hedge_after=HEDGE_AFTER))
        for model in (*models, plain, hedged):  # imports the SDKs, opens the first connections
            model.call("This is call 1000000")
        took, stops = asyncio.run(_ask_all(outcome, fakes, (plain, hedged), calls, in_flight, streamed, within))
    for name, times in zip(("without", "with a hedge"), took, strict=True):
        cuts = statistics.quantiles(times, n=100)
        outcome.figures[f"{name}, p50 in ms"] = round(cuts[49] * 1000)
        outcome.figures[f"{name}, p99 in ms"] = round(cuts[98] * 1000)
    outcome.figures |= {"calls of each kind": calls, "overtaken": len(stops)}
    if not stops:
        outcome.fail("nobody was overtaken")
        return outcome
    outcome.figures["stopped after ms, median"] = round(statistics.median(stops) * 1000)
    outcome.figures["at most"] = round(max(stops) * 1000)
    if max(stops) > within:
        late = sum(each > within for each in stops)
        outcome.fail(f"{late} of {len(stops)} stopped later than {within} s after the answer")
    if calls >= FEWEST and outcome.figures["with a hedge, p99 in ms"] >= outcome.figures["without, p99 in ms"]:  # type: ignore[operator]
        outcome.fail("the hedge does not help")
    return outcome


async def _ask_all(
    outcome: Outcome,
    fakes: list[FaultyProvider],
    models: tuple[Fallback, Fallback],
    calls: int,
    in_flight: int,
    streamed: bool,
    within: float,
) -> tuple[list[list[float]], list[float]]:
    """Return how long the calls of each kind took, and how long after the answer each of the overtaken stopped."""
    took: list[list[float]] = [[], []]
    stops: list[float] = []
    by_name = {fake.name: fake for fake in fakes}
    for first in range(0, calls, in_flight):
        numbers = range(first, min(calls, first + in_flight))
        for kind, model in enumerate(models):
            for fake in fakes:
                fake.forget()
            for number, (result, seconds) in zip(
                numbers, await asyncio.gather(*(_timed(model, number, streamed) for number in numbers)), strict=True
            ):
                took[kind].append(seconds)
                stops += await _check(outcome, by_name, number, result, within)
    return took, stops


async def _timed(model: Fallback, number: int, streamed: bool) -> tuple[FallbackResult, float]:
    started = time.monotonic()
    prompt = f"This is call {number}"
    if not streamed:
        return await model.acall(prompt), time.monotonic() - started
    stream = model.astream(prompt)
    text = "".join([piece async for piece in stream])
    result = stream.result
    assert text == result["output"], (text, result)
    return result, time.monotonic() - started


async def _check(outcome: Outcome, fakes: dict[str, FaultyProvider], number: int, result: Any, within: float) -> list[float]:
    """Check one result, and return how long after the answer each model that was overtaken had stopped."""
    winner = fakes[result["provider"]]
    if result["output"] != winner.text(number):
        outcome.fail(f"call {number}: {result}")
        return []
    stops = []
    for step in result["route"]:
        if step["outcome"] == "cancelled":
            fake = fakes[step["provider"]]
            seen = await _seen(fake, number) if fake.asked[number] else None
            if seen is not None:
                stops.append(seen - winner.answered[number])
            elif not fake.asked[number]:
                outcome.count("had not yet been reached")
            elif fake.answered.get(number, math.inf) < winner.answered[number] + within:
                outcome.count("had answered too")
            else:
                outcome.fail(f"call {number}: {fake.name} was not stopped at all")
    return stops


async def _seen(fake: FaultyProvider, number: int) -> float | None:
    """Return when a call was stopped at a provider, or None if it was answered. Wait for it two seconds at most."""
    with contextlib.suppress(AssertionError):
        await asyncio.to_thread(wait_until, lambda: number in fake.stopped or number in fake.answered, 2)
    return fake.stopped.get(number)
