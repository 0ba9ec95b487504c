"""The database of the ledger: rows, views, totals and reservations, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mcp_models.servers.core.ledger import schema, sqlite_store
from mcp_models.servers.core.ledger.budget import BudgetError, parse_budget
from mcp_models.servers.core.ledger.row import NANO, new_id
from mcp_models.servers.core.ledger.store import FREE_SECONDS, SETTLE_SECONDS, Reservation, Store, StoreError
from mcp_models.servers.core.ledger.target import Target
from tests.servers.core.ledger.conftest import NOON, row


def reservation(
    budget: str, cost: int, provider: str = "openai", host: str | None = "tests", seconds: float = 60
) -> Reservation:
    parsed = parse_budget(budget)
    assert parsed is not None
    return Reservation(new_id(NOON), parsed.caps, seconds, provider, host, cost)


def reserve(store: Store, asked: Reservation) -> float | BudgetError:
    return store.write([], [asked])[0]


def is_refused(store: Store, asked: Reservation) -> bool:
    return isinstance(reserve(store, asked), BudgetError)


def test_a_row_is_kept_as_it_was(store: Store) -> None:
    store.write([row(cost=1_234_567, cache_savings=-5000, service_tier="flex", request_id="req_1")], [])
    columns = (
        "started_at, provider, model_asked, model, host, input_tokens, cost_usd, cache_savings_usd, service_tier, latency_ms"
    )
    ((started_at, *rest),) = store.execute(f"SELECT {columns} FROM calls")
    assert str(started_at).startswith(("2026-11-26T12:00:00.000Z", "2026-11-26 12:00:00+00:00"))
    assert rest == ["openai", "gpt-5.2", "gpt-5.2", "tests", 10, 0.001234567, -0.000005, "flex", 1200]


def test_a_row_that_comes_twice_counts_once(store: Store) -> None:
    same = row()
    store.write([same], [])
    store.write([same, row()], [])
    assert store.execute("SELECT COUNT(*) FROM calls") == [(2,)]
    assert store.execute("SELECT nano_usd, calls FROM hourly_totals") == [(2_000_000, 2)]


def test_many_rows_at_once(store: Store) -> None:
    store.write([row() for _ in range(1234)], [])
    assert store.execute("SELECT COUNT(*) FROM calls") == [(1234,)]


def test_the_views_answer_what_people_ask(store: Store) -> None:
    refused = row(started=NOON + 86400, cost=None, error_type="billing", refused=True, model=None, host=None)
    failed = row(started=NOON + 86400, cost=None, error_type="timeout", model=None, stop_reason=None)
    store.write([row(), row(latency_ms=3000), row(cost=None), refused, failed], [])
    by_day = store.execute("SELECT day, calls, errors, cost_usd, calls_of_unknown_cost FROM spend_by_day ORDER BY day")
    assert by_day == [("2026-11-26", 3, 0, 0.002, 1), ("2026-11-27", 1, 2, None, 0)]
    assert store.execute("SELECT provider, calls, input_tokens FROM spend_by_provider") == [("openai", 4, 50)]
    assert store.execute("SELECT model, calls, errors FROM spend_by_model") == [("gpt-5.2", 4, 2)]
    assert sorted(store.execute("SELECT host, calls FROM spend_by_host"), key=str) == [("tests", 4), (None, 0)]
    assert sorted(store.execute("SELECT error_type, errors FROM errors_by_type")) == [("billing", 1), ("timeout", 1)]
    assert store.execute("SELECT model, calls, p50_ms, p99_ms, max_ms FROM latency_by_model") == [
        ("gpt-5.2", 3, 1200, 3000, 3000)
    ]


def test_a_call_fits_as_long_as_spent_and_reserved_leave_room(store: Store) -> None:
    now = store.now()
    store.write([row(started=now, cost=6 * NANO)], [])
    assert not is_refused(store, reservation("10 USD/month", 3 * NANO))
    assert is_refused(store, reservation("10 USD/month", 2 * NANO))
    assert not is_refused(store, reservation("10 USD/month", NANO))


def test_a_row_settles_its_reservation(store: Store) -> None:
    asked = reservation("10 USD/month", 10 * NANO)
    started = reserve(store, asked)
    assert isinstance(started, float)
    assert is_refused(store, reservation("10 USD/month", 1))
    store.write([row(started, cost=NANO, id=asked.id, reserved=True)], [])
    assert not is_refused(store, reservation("10 USD/month", 9 * NANO))


def test_what_may_have_been_spent_counts_as_spent(store: Store) -> None:
    store.write([row(started=store.now(), cost=None, held=9 * NANO, error_type="timeout")], [])
    assert is_refused(store, reservation("10 USD/month", 2 * NANO))


def test_a_reservation_of_a_killed_process_is_freed_after_the_calls_deadline(store: Store) -> None:
    dead = reservation("10 USD/month", 10 * NANO, seconds=-SETTLE_SECONDS - FREE_SECONDS - 1)
    assert not is_refused(store, dead)
    assert store.has_expired()
    assert not is_refused(store, reservation("10 USD/month", 10 * NANO))
    assert not store.has_expired()


def test_an_expired_reservation_counts_until_somebody_can_have_looked_for_its_row(store: Store) -> None:
    assert not is_refused(store, reservation("10 USD/month", 10 * NANO, seconds=-SETTLE_SECONDS - 1))
    assert store.has_expired()
    assert is_refused(store, reservation("10 USD/month", 1))
    assert store.has_expired()


def test_calls_are_counted_also_those_in_flight_and_not_those_refused(store: Store) -> None:
    now = store.now()
    store.write([row(started=now), row(started=now, refused=True)], [])
    assert not is_refused(store, reservation("2 calls/month", 0))
    assert is_refused(store, reservation("2 calls/month", 0))


def test_another_period_has_a_budget_of_its_own(store: Store) -> None:
    store.write([row(started=store.now() - 40 * 86400, cost=10 * NANO)], [])
    assert not is_refused(store, reservation("10 USD/month", 10 * NANO))


@pytest.mark.parametrize("per", ["provider", "host"])
def test_each_provider_or_host_has_a_budget_of_its_own(store: Store, per: str) -> None:
    store.write([row(started=store.now(), cost=10 * NANO)], [])
    assert is_refused(store, reservation(f"10 USD/month per {per}", 1))
    other = {"provider": {"provider": "mistral"}, "host": {"host": None}}[per]
    assert not is_refused(store, reservation(f"10 USD/month per {per}", 10 * NANO, **other))  # type: ignore[arg-type]


def test_every_cap_must_fit(store: Store) -> None:
    store.write([row(started=store.now(), cost=NANO)], [])
    assert is_refused(store, reservation("10 USD/month, 1 call/month", NANO))
    assert is_refused(store, reservation("1 USD/month, 10 calls/month", NANO))
    assert not is_refused(store, reservation("2 USD/month, 2 calls/month", NANO))


def test_a_ledger_of_a_newer_version_is_left_alone(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    target.open().close()
    monkeypatch.setattr("mcp_models.servers.core.ledger.store.MIGRATIONS", ())
    with pytest.raises(StoreError, match="newer version of mcp-models"):
        target.open()


def test_a_later_version_adds_its_steps(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    store = target.open()
    store.write([row()], [])
    store.close()
    steps = (*schema.MIGRATIONS, "ALTER TABLE calls ADD COLUMN note TEXT;")
    monkeypatch.setattr("mcp_models.servers.core.ledger.store.MIGRATIONS", steps)
    for _ in range(2):  # the second time there is nothing to do
        store = target.open()
        assert store.execute("SELECT note FROM calls") == [(None,)]
        store.close()


def test_a_failed_transaction_writes_nothing(store: Store) -> None:
    with pytest.raises(StoreError):
        store.write([row(model_asked=None)], [])
    store.write([row()], [])
    assert store.execute("SELECT COUNT(*) FROM calls") == [(1,)]


def test_the_file_is_for_its_owner_and_any_tool_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite3"
    store = sqlite_store.SQLiteStore(str(path))
    store.write([row()], [])
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT provider, cost_usd FROM spend_by_provider").fetchall() == [("openai", 0.001)]
    other.close()
    store.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no database, but a text of more than a hundred bytes. " * 9, "not a database"), (None, "unable to open")],
)
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(content) if content else path.mkdir()
    with pytest.raises(StoreError, match=f"{said}|directory"):
        sqlite_store.SQLiteStore(str(path))


def test_a_network_drive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/home {tmp_path}/my\\040home nfs4 rw 0 0\n")
    monkeypatch.setattr(sqlite_store, "MOUNTS", str(mounts))
    assert not sqlite_store.on_network_drive(str(tmp_path / "ledger"))
    assert sqlite_store.on_network_drive(str(tmp_path / "my home" / "ledger"))
    with pytest.raises(StoreError, match="network drive"):
        sqlite_store.SQLiteStore(str(tmp_path / "my home" / "ledger"))


def test_a_postgres_that_is_not_there(home: Path) -> None:
    with pytest.raises(StoreError, match="refused"):
        Target("postgresql://me:secret@127.0.0.1:1/db", is_postgres=True).open()
