"""The promises about money, with many processes, kills and real databases. At full size: `-m tests.money`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_models.servers.core.ledger.target import Target
from tests.money.budget_round import check_budget
from tests.money.count_round import check_count
from tests.postgres import Postgres

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Iterator[Target]:
    """An empty ledger."""
    if request.param == "sqlite":
        yield Target(str(tmp_path / "ledger.sqlite3"), is_postgres=False)
        return
    with Postgres() as postgres:
        yield Target(postgres.url, is_postgres=True)


def test_a_budget_holds_although_processes_are_killed(target: Target) -> None:
    assert check_budget(target, kills=10).failures == []


def test_the_ledger_has_what_the_provider_charged(target: Target) -> None:
    assert check_count(target, calls=2000, kills=3).failures == []
