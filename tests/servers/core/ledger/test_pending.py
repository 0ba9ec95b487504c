"""Rows that are not in the database yet: they survive the process that wrote them, and no two processes take the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_models.servers.core.ledger import pending
from mcp_models.servers.core.ledger.pending import PendingError, PendingRows, left_behind
from mcp_models.servers.core.ledger.row import encode
from tests.servers.core.ledger.conftest import row

KILLED = """
import os, sys
from mcp_models.servers.core.ledger.pending import PendingRows
from tests.servers.core.ledger.conftest import row
PendingRows(sys.argv[1]).append(row(model_asked="of-the-killed"))
os.kill(os.getpid(), 9)
"""


def test_rows_are_taken_in_order_and_once(tmp_path: Path) -> None:
    rows = PendingRows(str(tmp_path))
    assert rows.take() is None
    sent = [row(latency_ms=number) for number in range(3)]
    for one in sent:
        rows.append(one)
    taken = rows.take()
    assert taken is not None
    assert list(taken.rows()) == sent
    assert rows.take() is None
    taken.remove()
    assert not list(tmp_path.iterdir())


def test_a_file_in_use_is_not_taken_by_others(tmp_path: Path) -> None:
    rows = PendingRows(str(tmp_path))
    rows.append(row())
    assert not list(left_behind(str(tmp_path)))
    taken = rows.take()  # not in the database yet, so it is still ours
    assert taken is not None
    assert not list(left_behind(str(tmp_path)))


def test_the_rows_of_a_killed_process_are_found_by_one_other(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (found,) = left_behind(str(tmp_path))
    assert [one.model_asked for one in found.rows()] == ["of-the-killed"]
    assert not list(left_behind(str(tmp_path)))
    found.remove()
    assert not list(tmp_path.iterdir())


def test_a_row_that_was_cut_is_left_out(tmp_path: Path) -> None:
    rows = PendingRows(str(tmp_path))
    rows.append(row())
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'["half')
    taken = rows.take()
    assert taken is not None
    assert len(list(taken.rows())) == 1


def test_files_are_for_their_owner(tmp_path: Path) -> None:
    PendingRows(str(tmp_path / "rows")).append(row())
    (path,) = (tmp_path / "rows").iterdir()
    assert (tmp_path / "rows").stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_the_disk_does_not_take_stays_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    rows = PendingRows(str(tmp_path / "file"))
    rows.append(row())
    taken = rows.take()
    assert taken is not None
    assert len(list(taken.rows())) == 1
    taken.remove()


def test_what_waits_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MAX_BYTES", 1000)
    rows = PendingRows(str(tmp_path))
    size = len(encode(row())) + 1
    for _ in range(1000 // size):
        rows.append(row())
    with pytest.raises(PendingError, match="rows are lost"):
        rows.append(row())
    taken = rows.take()
    assert taken is not None
    assert len(list(taken.rows())) == 1000 // size
    rows.append(row())  # there is room again


def test_a_child_leaves_its_parents_file_alone(tmp_path: Path) -> None:
    rows = PendingRows(str(tmp_path))
    rows.append(row())
    if (child := os.fork()) == 0:
        rows.discard()
        os._exit(0 if not list(left_behind(str(tmp_path))) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
