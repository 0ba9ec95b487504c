"""Compare the ledger with what the provider has charged, when servers are killed while they answer."""

from __future__ import annotations

import asyncio
import random

from mcp_models.servers.core.ledger.target import Target
from tests.money.budget_round import MAX_TOKENS, server_environment
from tests.money.callers import Caller
from tests.money.counting_gemini import CountingGemini
from tests.trust.outcome import Outcome

IN_FLIGHT = 8


async def ask_all(env: dict[str, str], processes: int, calls: int, kills: int, seed: int) -> set[str]:
    """Ask all calls, and return the ids of the answers that were received. A killed server is followed by another one."""
    received: set[str] = set()
    chance = random.Random(seed)
    left = calls
    kill_at = sorted(chance.randrange(calls // 10, calls) for _ in range(kills))
    running: list[Caller] = []

    async def ask_some(caller: Caller) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            meta = await caller.ask({"prompt": "Count me.", "max_tokens": MAX_TOKENS})
            if meta is None:
                left += 1
                return
            received.add(meta["mcp-models/completion"]["request_id"])
            if kill_at and calls - left >= kill_at[0]:
                kill_at.pop(0)
                chance.choice(running).kill()

    async def serve_some() -> None:
        while left > 0:
            async with Caller(env) as caller:
                running.append(caller)
                await asyncio.gather(*(ask_some(caller) for _ in range(IN_FLIGHT)))
                running.remove(caller)

    await asyncio.gather(*(serve_some() for _ in range(processes)))
    async with Caller(env) as last:  # takes over what the killed ones have left
        meta = await last.ask({"prompt": "The last.", "max_tokens": MAX_TOKENS})
        assert meta is not None
        received.add(meta["mcp-models/completion"]["request_id"])
    return received


def check_count(target: Target, processes: int = 8, calls: int = 20_000, kills: int = 6, seed: int = 1) -> Outcome:
    """Check that the ledger and the provider agree on every call.

    Args:
        target: An empty ledger.
        processes: How many servers answer at once.
        calls: How many calls they answer together.
        kills: How many servers are killed.
        seed: Decides which ones and when.
    """
    outcome = Outcome(f"the ledger has what the provider charged, with {processes} processes and {kills} kills")
    with CountingGemini(pause=0.005) as fake:
        received = asyncio.run(ask_all(server_environment(fake, target), processes, calls, kills, seed))
    store = target.open()
    found = store.execute("SELECT request_id, input_tokens, output_tokens FROM calls WHERE error_type IS NULL")
    store.close()
    ledger = {name: (tokens_in, tokens_out) for name, tokens_in, tokens_out in found}
    if len(found) != len(ledger):
        outcome.fail(f"{len(found) - len(ledger)} rows are there twice")
    for name in received - ledger.keys():
        outcome.fail(f"{name} was received, and the ledger does not have it")
    for name in ledger:
        if ledger[name] != fake.charged[name]:
            outcome.fail(f"{name}: the ledger has {ledger[name]} tokens, the provider charged {fake.charged[name]}")
    missing = fake.charged.keys() - ledger.keys()
    if len(missing) > kills * IN_FLIGHT:
        outcome.fail(f"{len(missing)} calls are missing, more than were in flight at the kills")
    outcome.figures |= {"charged": len(fake.charged), "in the ledger": len(ledger), "received": len(received)}
    outcome.figures |= {"in the ledger and not received": len(ledger.keys() - received), "missing, not received": len(missing)}
    return outcome
