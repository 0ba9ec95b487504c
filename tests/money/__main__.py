"""Check the promises about money at full size and print a line for each: `bash run_with_env.sh -m tests.money`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from mcp_models.servers.core.ledger.target import Target
from tests.money.budget_round import check_budget
from tests.money.count_round import check_count
from tests.postgres import Postgres
from tests.trust.isolation import private_home
from tests.trust.outcome import Outcome, holds

ROUNDS: dict[str, Callable[[Target], Outcome]] = {
    "budget": check_budget,
    "budget-kills": lambda target: check_budget(target, kills=10),
    "count": check_count,
}


def main() -> None:
    """Run every round on SQLite and on PostgreSQL, or only those whose names are given."""
    chosen = [name for name in ROUNDS if not sys.argv[1:] or name in sys.argv[1:]]
    failed = False
    with private_home() as home, Postgres() as postgres:
        for name in chosen:
            for target in (Target(str(home / f"{name}.sqlite3"), is_postgres=False), Target(postgres.url, is_postgres=True)):
                postgres.query("DROP SCHEMA IF EXISTS mcp_models CASCADE")
                where = "PostgreSQL" if target.is_postgres else "SQLite"
                failed |= not holds(f"{name}, {where}", partial(ROUNDS[name], target))
    sys.exit(failed)


if __name__ == "__main__":
    main()
