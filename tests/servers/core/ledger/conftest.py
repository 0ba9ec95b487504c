"""Databases for the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_models.servers.core.ledger.row import Row, new_id
from mcp_models.servers.core.ledger.store import Store
from mcp_models.servers.core.ledger.target import Target
from tests.postgres import Postgres

NOON = 1_795_694_400.0  # 2026-11-26 12:00 UTC


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def target(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Target:
    """An empty ledger, in a SQLite file and in a PostgreSQL."""
    if request.param == "sqlite":
        return Target(str(tmp_path / "ledger.sqlite3"), is_postgres=False)
    postgres: Postgres = request.getfixturevalue("postgres")
    postgres.query("DROP SCHEMA IF EXISTS mcp_models CASCADE")
    return Target(postgres.url, is_postgres=True)


@pytest.fixture
def store(target: Target) -> Iterator[Store]:
    """A connection to an empty ledger."""
    store = target.open()
    yield store
    store.close()


def row(started: float = NOON, cost: int | None = 1_000_000, **fields: object) -> Row:
    """Return a row of a call that was answered. Costs are in billionths of a dollar."""
    made = Row(new_id(started), started, "openai", "gpt-5.2", "tests", 1200)
    made.model, made.input_tokens, made.output_tokens, made.cost, made.stop_reason = "gpt-5.2", 10, 20, cost, "end_turn"
    for name, value in fields.items():
        setattr(made, name, value)
    return made
