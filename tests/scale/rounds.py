"""Make thousands of calls through nginx while replicas end, and compare what client, provider and ledger know."""

from __future__ import annotations

import asyncio
import collections
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from mcp_models.servers.core.ledger.row import NANO
from tests.money.budget_round import DOLLARS_IN, DOLLARS_OUT, Watch, charged
from tests.peer import wait_until
from tests.scale.cluster import Cluster
from tests.scale.load import Load, Seen
from tests.trust.outcome import Outcome

IN_FLIGHT = 32
CALL_NANO = round((125 * DOLLARS_IN + 100 * DOLLARS_OUT) * NANO)
"""What a call costs, on average."""


def check_kill(folder: Path, calls: int = 2000) -> Outcome:
    """Check that a replica which is killed under load takes with it only calls whose clients see it, and that a budget holds.

    Args:
        folder: An empty folder.
        calls: How many calls are made. The budget is enough for three quarters of them.
    """
    outcome = Outcome(f"a replica is killed with kill -9 while {IN_FLIGHT} calls are in flight")
    cap = round(calls * 0.75 * CALL_NANO / NANO, 6)
    budget = f"{cap:f} USD/month"
    with Cluster(folder, budget) as cluster:
        watch = Watch(cluster.target, budget)
        watch.start()

        def kill() -> None:
            cluster.replicas[0].end(signal.SIGKILL)
            cluster.replicas[0].start()  # as an orchestrator would; it also writes the rows that the killed one has left

        seen = asyncio.run(_load(cluster, calls, outcome, kill))
        _stop(cluster)
        watch.end()
        unknown = _compare(cluster, seen, outcome)
        spent = charged(cluster.fake)
    if len(seen.failed) > IN_FLIGHT:
        outcome.fail(f"{len(seen.failed)} calls failed, and {IN_FLIGHT} were in flight: {list(seen.failed.values())[:3]}")
    if watch.highest > cap * NANO:
        outcome.fail(f"{watch.highest / NANO} USD were spent and reserved, of {cap}")
    if spent > cap * NANO + unknown * CALL_NANO:
        outcome.fail(f"the provider charged {spent / NANO} USD, of {cap}")
    left = cap * NANO - watch.spent - watch.reserved
    if left > 2 * CALL_NANO or not seen.refused:
        outcome.fail(f"{left / CALL_NANO:.1f} calls would still have fitted, and {len(seen.refused)} were refused")
    outcome.figures |= {
        "refused by the budget": len(seen.refused),
        "budget": f"{cap} USD",
        "charged": f"{spent / NANO:.6f} USD",
    }
    outcome.figures |= {"looks at it": watch.looks, "highest": f"{watch.highest / NANO:.6f} USD"}
    return outcome


def check_rolling_restart(folder: Path, calls: int = 2000, rounds: int = 2) -> Outcome:
    """Check that replicas which are restarted one after the other lose no call at all.

    Args:
        folder: An empty folder.
        calls: How many calls are made at least. They go on until the last replica answers again.
        rounds: How often each replica gets a SIGTERM.
    """
    outcome = Outcome(f"each of two replicas is restarted {rounds} times while {IN_FLIGHT} calls are in flight")
    with Cluster(folder) as cluster:

        def restart() -> None:
            for number in range(2 * rounds):
                replica = cluster.replicas[number % 2]
                if (code := replica.end(signal.SIGTERM)) not in (0, -signal.SIGTERM):
                    outcome.fail(f"exit code {code}: {replica.log()[-500:]}")
                replica.start()
                outcome.count("restarts")
                wait_until(lambda count=2 + number: cluster.processes() > count, 60)  # nginx asks it again

        seen = asyncio.run(_load(cluster, calls, outcome, restart))
        _stop(cluster)
        _compare(cluster, seen, outcome)
        said = [line for line in cluster.nginx.errors() if "refused" not in line]
    for number, what in seen.failed.items():
        outcome.fail(f"call {number}: {what}; nginx says {said}")
    return outcome


async def _load(cluster: Cluster, calls: int, outcome: Outcome, disturb: Callable[[], None]) -> Seen:
    """Make the calls, and disturb the replicas when a fifth has been charged."""
    load = Load(cluster.nginx.url, cluster.token, cluster.nginx.trust, IN_FLIGHT)
    began, over = time.monotonic(), asyncio.Event()

    async def later() -> None:
        await cluster.fake.has_charged(calls // 5)
        await asyncio.to_thread(disturb)
        over.set()

    made, _ = await asyncio.gather(load.ask(calls, over), later())
    statement = "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    outcome.figures |= {"calls": made, "connections to PostgreSQL": cluster.database.query(statement)[0][0]}
    times = sorted(load.seen.seconds)
    outcome.figures |= {"seconds": round(time.monotonic() - began), "p50": f"{statistics.median(times) * 1000:.0f} ms"}
    outcome.figures |= {"p99": f"{times[int(len(times) * 0.99)] * 1000:.0f} ms"}
    return load.seen


def _stop(cluster: Cluster) -> None:
    """End the replicas in order, so that all rows are written."""
    for replica in cluster.replicas:
        replica.end(signal.SIGTERM)


def _compare(cluster: Cluster, seen: Seen, outcome: Outcome) -> int:
    """Compare what the client has seen, what the fake charged and what the ledger has.

    Returns:
        How many calls were charged of which the ledger does not know.
    """
    charges = cluster.fake.charged
    found = cluster.database.query(
        "SELECT request_id, input_tokens, output_tokens FROM mcp_models.calls WHERE error_type IS NULL"
    )
    ledger = {name: (tokens_in, tokens_out) for name, tokens_in, tokens_out in found}
    answered = collections.Counter(seen.answered.values())
    if len(seen.answered) + len(seen.refused) + len(seen.failed) != outcome.figures["calls"]:
        outcome.fail("a call has no outcome, or two")
    if answered and max(answered.values()) > 1:
        outcome.fail("two calls got the same answer")
    if len(found) != len(ledger):
        outcome.fail(f"{len(found) - len(ledger)} rows are there twice")
    for name in answered.keys() - ledger.keys():
        outcome.fail(f"{name} was answered, and the ledger does not have it")
    for name, tokens in ledger.items():
        if charges.get(name) != tokens:
            outcome.fail(f"{name}: the ledger has {tokens} tokens, the provider charged {charges.get(name)}")
    lost = charges.keys() - answered.keys()
    if len(lost) > len(seen.failed):
        outcome.fail(f"{len(lost)} charged calls were not answered, and only {len(seen.failed)} clients saw an error")
    unknown = len(charges.keys() - ledger.keys())
    outcome.figures |= {"answered": len(seen.answered), "seen to fail": len(seen.failed), "charged calls": len(charges)}
    outcome.figures |= {"in the ledger": len(ledger), "charged, not in the ledger": unknown}
    return unknown
