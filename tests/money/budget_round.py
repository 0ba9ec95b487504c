"""Let many processes spend one budget at once, and watch that it is never exceeded."""

from __future__ import annotations

import asyncio
import os
import threading

from mcp_models.servers.core.ledger.budget import parse_budget
from mcp_models.servers.core.ledger.row import NANO
from mcp_models.servers.core.ledger.target import Target
from tests.money.callers import Caller
from tests.money.counting_gemini import CountingGemini
from tests.trust.outcome import Outcome

MAX_TOKENS = 100
TIMEOUT = 10.0

DOLLARS_IN, DOLLARS_OUT = 0.30e-6, 2.50e-6
"""Of a token of gemini-2.5-flash, as the price list has it."""


class Watch(threading.Thread):
    """Look again and again at what is spent and reserved.

    Args:
        target: The ledger.
        budget: The budget, as in MCP_MODELS_BUDGET.

    Attributes:
        highest: The most that was ever spent and reserved, in billionths of a dollar.
        looks: How often it was looked at.
    """

    def __init__(self, target: Target, budget: str) -> None:
        super().__init__(daemon=True)
        parsed = parse_budget(budget)
        assert parsed is not None
        self._target, self._cap, self._ended = target, parsed.caps[0], threading.Event()
        self.highest = self.looks = self.spent = self.reserved = 0

    def run(self) -> None:
        """Look until `end` is called."""
        store = self._target.open()
        while True:
            with store.transaction():
                used = store.used(self._cap, None, store.now())
            self.spent, self.reserved = used.spent, used.reserved
            self.highest = max(self.highest, used.spent + used.reserved)
            self.looks += 1
            if self._ended.wait(0.02):
                return store.close()

    def end(self) -> None:
        """Look for a last time."""
        self._ended.set()
        self.join(30)


def charged(fake: CountingGemini) -> int:
    """Return what the fake has charged, in billionths of a dollar."""
    return sum(round((tokens[0] * DOLLARS_IN + tokens[1] * DOLLARS_OUT) * NANO) for tokens in fake.charged.values())


async def spend(env: dict[str, str], fake: CountingGemini, processes: int, calls: int, kills: int) -> tuple[int, int]:
    """Ask all calls, and return how many were answered and how many refused for good. Kill some processes on the way."""
    answered = refused = 0
    callers = [Caller(env) for _ in range(processes)]

    async def one(caller: Caller) -> None:
        nonlocal answered, refused
        async with caller:
            for _ in range(calls // processes):
                while True:
                    meta = await caller.ask({"prompt": "Spend it.", "max_tokens": MAX_TOKENS, "timeout": TIMEOUT})
                    error = meta and meta.get("mcp-models/error")
                    if not error or not error["retryable"] or (error["retry_after"] or 0) > 5:
                        break
                    await asyncio.sleep(0.1)  # as it is told to
                if meta is None:
                    return
                answered += not error
                if error:
                    assert error["type"] == "billing", error
                    refused += 1
                    return

    async def killer() -> None:
        for number in range(kills):
            await fake.has_charged(calls // 4 * (number + 1) // kills)
            callers[number].kill()

    await asyncio.gather(*map(one, callers), killer())
    return answered, refused


def check_budget(target: Target, processes: int = 50, calls: int = 2000, kills: int = 0) -> Outcome:
    """Check that a budget which ends in the middle holds, and that nearly all of it can be used.

    Args:
        target: An empty ledger.
        processes: How many servers ask at once.
        calls: How many calls they ask together. The budget is enough for half of them.
        kills: How many of the servers are killed while they ask.
    """
    outcome = Outcome(f"a budget is never exceeded by {processes} processes, {kills} of them killed")
    cap = round(calls / 2 * (125 * DOLLARS_IN + MAX_TOKENS * DOLLARS_OUT), 6)
    with CountingGemini() as fake:
        budget = f"{cap:f} USD/month"
        watch = Watch(target, budget)
        watch.start()
        answered, refused = asyncio.run(spend(server_environment(fake, target, budget), fake, processes, calls, kills))
        watch.end()
        spent = charged(fake)
    call = spent // max(len(fake.charged), 1)
    left, unknown = round(cap * NANO) - spent, len(fake.charged) - answered
    if watch.highest > cap * NANO:
        outcome.fail(f"{watch.highest / NANO} USD were spent and reserved, of {cap}")
    if left < -unknown * call:  # what a killed server has asked is charged, and nobody knows how much
        outcome.fail(f"the provider charged {spent / NANO} USD, of {cap}")
    if unknown > kills:
        outcome.fail(f"{unknown} answers were charged and not received, with {kills} kills")
    if left > 2 * call or not refused:
        outcome.fail(f"{left / call:.1f} calls would still have fitted, and {refused} were refused")
    outcome.figures |= {"answered": answered, "looks": watch.looks, "budget": f"{cap} USD", "spent": f"{spent / NANO:.6f} USD"}
    outcome.figures |= {"left": f"{left / call:.2f} calls"}
    return outcome


def server_environment(fake: CountingGemini, target: Target, budget: str = "") -> dict[str, str]:
    """Return the environment of a server that asks the fake."""
    ledger = {"MCP_MODELS_LEDGER": target.place, "MCP_MODELS_BUDGET": budget}
    return {**os.environ, **fake.environment(), "MODEL_DEFAULT": fake.model, **ledger}
