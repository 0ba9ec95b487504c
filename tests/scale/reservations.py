"""Reserve and settle from several connections at once, as fast as one PostgreSQL allows, and see that the budget holds."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from mcp_models.servers.core.ledger.budget import BudgetError, parse_budget
from mcp_models.servers.core.ledger.postgres_store import PostgresStore
from mcp_models.servers.core.ledger.row import Row, new_id
from mcp_models.servers.core.ledger.store import Reservation
from tests.postgres import Postgres
from tests.trust.outcome import Outcome

CONNECTIONS = 8
SECONDS = 5.0
CALLS = 10_000


def check_reservations(_folder: Path) -> Outcome:
    """Make reservations for some seconds, each in a transaction that settles the one before."""
    outcome = Outcome("A budget takes no more reservations than it has room for")
    allowed: list[int] = []
    with Postgres() as postgres:
        ends = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=lambda: allowed.append(_reserve(postgres.url, ends)), name=f"connection {number}")
            for number in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(allowed) != CONNECTIONS or sum(allowed) > CALLS:
        outcome.fail(f"{sum(allowed):,} reservations of {CALLS:,}, from {len(allowed)} of {CONNECTIONS} connections")
    outcome.figures |= {"connections": CONNECTIONS, "a second": round(sum(allowed) / SECONDS)}
    return outcome


def _reserve(url: str, ends: float) -> int:
    """Reserve until it is time to end. Return how many reservations were made."""
    budget = parse_budget(f"{CALLS} calls/month, 100 USD/month")
    assert budget is not None
    store, made, settled = PostgresStore(url), 0, list[Row]()
    while time.monotonic() < ends:
        name = new_id(time.time())
        (answer,) = store.write(settled, [Reservation(name, budget.caps, 60.0, "openai", "tests", 1_000_000)])
        if isinstance(answer, BudgetError):
            break
        made += 1
        settled = [Row(name, time.time(), "openai", "gpt-5.2", "tests", 1200, reserved=True, cost=500_000)]
    store.close()
    return made
