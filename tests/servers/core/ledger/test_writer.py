"""The thread that writes the ledger: in batches, whatever happens to the database, and never in an answer's way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from mcp_models.servers.core.ledger import sqlite_store, writer
from mcp_models.servers.core.ledger.budget import BudgetError, parse_budget
from mcp_models.servers.core.ledger.row import NANO, new_id
from mcp_models.servers.core.ledger.store import FREE_SECONDS, SETTLE_SECONDS, Reservation, StoreError
from mcp_models.servers.core.ledger.target import Target
from mcp_models.servers.core.ledger.writer import Writer
from tests.peer import wait_until
from tests.servers.core.ledger.conftest import row
from tests.servers.core.ledger.test_pending import KILLED


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(str(tmp_path / "ledger.sqlite3"), is_postgres=False)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than a moment."""
    monkeypatch.setattr(sqlite_store, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(writer, "LONGEST_BREAK", 0.1)


def count(target: Target) -> int:
    with sqlite3.connect(target.place) as connection:
        ((number,),) = connection.execute("SELECT COUNT(*) FROM calls")
    connection.close()
    return int(number)


def reservation(cost: int = NANO) -> Reservation:
    budget = parse_budget("1 USD/month")
    assert budget is not None
    return Reservation(new_id(0), budget.caps, 60, "openai", "tests", cost)


def test_rows_reach_the_database_a_moment_later(target: Target) -> None:
    ledger = Writer(target)
    for _ in range(3):
        ledger.add(row())
    wait_until(lambda: not os.listdir(target.pending_folder()))
    assert count(target) == 3


def test_a_flush_does_not_wait(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 1000)
    ledger = Writer(target)
    ledger.add(row())
    ledger.flush().result(10)
    assert count(target) == 1


def test_without_a_row_there_is_no_file_and_no_thread(target: Target) -> None:
    before = threading.active_count()
    Writer(target).flush().result(1)
    assert not os.path.exists(target.place)
    assert threading.active_count() == before


def test_what_a_killed_process_has_left_is_taken_over(target: Target) -> None:
    subprocess.run([sys.executable, "-c", KILLED, target.pending_folder()], check=False)
    ledger = Writer(target)
    ledger.add(row())
    ledger.flush().result(10)
    assert count(target) == 2


def test_a_process_killed_while_others_run_is_taken_over_too(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Writer(target)
    ledger.add(row())
    ledger.flush().result(10)
    subprocess.run([sys.executable, "-c", KILLED, target.pending_folder()], check=False)
    monkeypatch.setattr(writer, "LOOK_SECONDS", 0)
    ledger._next_look = 0
    ledger.add(row())
    ledger.flush().result(10)
    assert count(target) == 3


def test_a_killed_process_whose_call_was_answered_frees_nothing(target: Target) -> None:
    """Its row is written before its reservation is freed."""
    ledger = Writer(target)
    killed = msgspec.structs.replace(reservation(), seconds=-SETTLE_SECONDS - FREE_SECONDS - 1)
    assert isinstance(ledger.reserve(killed).result(10), float)
    spent = f"row(started={time.time()}, cost={NANO}, id={killed.id!r}, reserved=True)"
    code = KILLED.replace('row(model_asked="of-the-killed")', spent)
    subprocess.run([sys.executable, "-c", code, target.pending_folder()], check=False)
    assert isinstance(ledger.reserve(reservation(1)).result(10), BudgetError)


def test_a_locked_ledger_costs_a_warning_and_no_row(target: Target, impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    target.open().close()
    holder = sqlite3.connect(target.place, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    ledger = Writer(target)
    ledger.add(row())
    wait_until(lambda: bool(caplog.records))
    assert "cannot be written: database is locked. Calls go on without it, unless there is a budget." in caplog.text
    ledger.add(row())
    holder.execute("ROLLBACK")
    holder.close()
    wait_until(lambda: count(target) == 2)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("trouble", ["corrupt", "a folder", "no permission", "full"])
def test_a_ledger_that_cannot_be_used_costs_one_warning(
    trouble: str, target: Target, impatient: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "corrupt":
        Path(target.place).write_bytes(b"this is no database " * 100)
    elif trouble == "a folder":
        os.mkdir(target.place)
    elif trouble == "no permission":
        (Path(target.place).parent / "file").touch()
        target = Target(str(Path(target.place).parent / "file" / "ledger"), is_postgres=False)
    else:

        def full(self: object, *_: object) -> None:
            raise StoreError("database or disk is full")

        monkeypatch.setattr(sqlite_store.SQLiteStore, "write", full)
    ledger = Writer(target)
    for _ in range(3):
        ledger.add(row())
        ledger.flush().exception(10)
    assert len(caplog.records) == 1
    assert target.place in caplog.text


def test_reservations_of_many_threads_never_exceed_the_budget(target: Target) -> None:
    ledger = Writer(target)
    answers = [ledger.reserve(reservation(NANO // 4)) for _ in range(20)]
    refused = [isinstance(answer.result(10), BudgetError) for answer in answers]
    assert refused.count(False) == 4


def test_a_reservation_that_cannot_be_made_fails(target: Target, impatient: None) -> None:
    os.mkdir(target.place)
    with pytest.raises(StoreError):
        Writer(target).reserve(reservation()).result(10)


def test_a_lost_connection_is_made_again(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Writer(target)
    ledger.add(row())
    ledger.flush().result(10)
    assert ledger._store is not None
    ledger._store.close()
    ledger.add(row())
    ledger.flush().result(10)
    assert count(target) == 2
    assert not caplog.records


FORKS = """
import os, sys
from mcp_models.servers.core.ledger.target import Target
from mcp_models.servers.core.ledger.writer import writer_to
from tests.servers.core.ledger.conftest import row
target = Target(sys.argv[1], is_postgres=False)
writer_to(target).add(row())
children = []
for _ in range(3):
    if (child := os.fork()) == 0:
        writer_to(target).add(row())
        writer_to(target).flush().result(10)
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
writer_to(target).add(row())
"""


def test_a_fork_has_a_writer_of_its_own_and_the_end_of_a_program_writes_the_rest(target: Target) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKS, target.place], check=True, timeout=60)
    assert count(target) == 5
