"""The output and its journal: what a crash leaves is mended, and nobody else writes to them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client.batch.errors import InputError, OutputError
from mcp_models.client.batch.output import line_of
from mcp_models.client.batch.row import Row
from mcp_models.client.batch.store import NEW_SUFFIX, Store, settled_row
from tests.client.batch.fakes import failed, succeeded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def opened(path: Path, retry_failed: bool = False) -> Store:
    return Store(str(path), "the same", retry_failed)


def row(number: int, highest: float | None = None) -> Row:
    return Row(number, f"r{number}", fingerprint=bytes([number]), highest=highest)


def write(store: Store, number: int, result: Any, cost: float = 0.0, in_journal: bool = True) -> None:
    place = store.output.append(line_of(row(number), result))
    settled = settled_row(number, f"r{number}", bytes([number]), result, place, cost)
    if in_journal:
        store.commit([], [settled], store.output.size)


def test_what_was_settled_is_known_again(path: Path) -> None:
    store = opened(path)
    store.commit([row(1), row(2), row(3)], [], 0)
    write(store, 1, succeeded("a"), 0.5)
    write(store, 2, failed("timeout"))
    store.close()
    store = opened(path)
    totals = store.journal.totals()
    assert (totals.done, totals.failed, totals.tokens, totals.spent) == (1, {"timeout": 1}, 2, 0.5)
    assert [store.journal.look(row(number)) for number in (1, 2, 3, 4)] == ["done", "failed", "asked", None]
    place = store.journal.place_of(b"\x01")
    assert place is not None
    assert json.loads(store.output.read(place))["output"] == "a"
    store.close()


def test_lines_that_the_journal_had_no_time_to_note_count(path: Path) -> None:
    store = opened(path)
    store.commit([row(1, 0.2), row(2, 0.3)], [], 0)
    write(store, 1, succeeded("a", cost_usd=0.1), in_journal=False)
    write(store, 2, failed("timeout"), in_journal=False)
    store.close()
    store = opened(path)
    assert [store.journal.look(row(number)) for number in (1, 2)] == ["done", "failed"]
    assert store.journal.totals().spent == pytest.approx(0.1 + 0.3)  # nobody knows what the second has cost
    store.close()


def test_a_torn_last_line_is_cut_off(path: Path) -> None:
    store = opened(path)
    store.commit([row(1), row(2)], [], 0)
    write(store, 1, succeeded("a" * 100_000))
    store.close()
    with path.open("ab") as file:
        file.write(b'{"id": "r2", "outp')
    store = opened(path)
    assert store.torn == 18
    assert path.read_bytes().endswith(b"}\n")
    assert store.journal.look(row(2)) == "asked"
    store.close()


def test_a_call_that_was_in_flight_at_a_kill_counts_with_its_highest_price_once(path: Path) -> None:
    store = opened(path)
    store.commit([row(1, 0.25)], [], 0)
    for _ in range(2):
        store.close()
        store = opened(path)
        assert store.journal.totals().spent == 0.25
    store.close()


def test_failures_are_removed_to_be_asked_again(path: Path) -> None:
    store = opened(path)
    write(store, 1, failed("timeout"), 0.5)
    write(store, 2, succeeded("b"))
    store.close()
    os.chmod(path, 0o600)
    store = opened(path, retry_failed=True)
    assert [line["id"] for line in map(json.loads, path.read_text().splitlines())] == ["r2"]
    assert [store.journal.look(row(number)) for number in (1, 2)] == [None, "done"]
    assert json.loads(store.output.read(store.journal.place_of(b"\x02") or 0))["output"] == "b"
    assert store.journal.totals().spent == 0.5
    assert path.stat().st_mode & 0o777 == 0o600
    store.close()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_removing_failures_is_finished_after_a_crash(path: Path, is_replaced: bool) -> None:
    store = opened(path)
    write(store, 1, failed("timeout"))
    write(store, 2, succeeded("b"))
    store.journal.begin_clearing()
    store.close()
    path.with_name(path.name + NEW_SUFFIX).write_text("half a li")
    if is_replaced:
        path.write_text(path.read_text().splitlines()[1] + "\n")
    store = opened(path)
    assert [store.journal.look(row(number)) for number in (1, 2)] == [None, "done"]
    store.close()


def test_another_run_at_the_same_time_is_refused(path: Path) -> None:
    store = opened(path)
    with pytest.raises(OutputError, match="another run"):
        opened(path)
    store.close()
    opened(path).close()


def test_other_arguments_or_another_row_are_noticed(path: Path) -> None:
    store = opened(path)
    store.commit([row(1)], [], 0)
    with pytest.raises(InputError, match="line 1 is not what it was"):
        store.journal.look(Row(1, "r1", fingerprint=b"x"))
    store.close()
    store = opened(path)
    store.close()
    with pytest.raises(InputError, match=r"other arguments: the same\. Now they are: others"):
        Store(str(path), "others")


def test_other_arguments_are_fine_as_long_as_nothing_was_asked(path: Path) -> None:
    Store(str(path), "the first").close()
    opened(path).close()


def test_an_output_that_is_not_of_this_batch_is_refused(path: Path) -> None:
    path.write_text("precious\n")
    with pytest.raises(OutputError, match="no journal"):
        opened(path)
    assert path.read_text() == "precious\n"
    path.write_text("")
    store = opened(path)
    write(store, 1, succeeded("a"))
    store.close()
    path.write_text("")
    with pytest.raises(OutputError, match="shorter than its journal says"):
        opened(path)


def test_a_file_that_is_no_journal_is_refused(path: Path) -> None:
    path.with_name(path.name + ".journal").write_text("no database" * 100)
    with pytest.raises(OutputError, match="cannot be used as a journal"):
        opened(path)
