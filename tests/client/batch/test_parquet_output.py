"""A Parquet output: typed columns in the order of the input, and the same bytes whatever the order of the answers."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mcp_models.client.batch import Batch, BatchError, OutputError, parquet_output, run_batch
from mcp_models.client.batch.output import line_of
from mcp_models.client.batch.parquet_output import write_parquet
from mcp_models.client.batch.row import Row
from mcp_models.client.batch.store import Store, settled_row
from mcp_models.client.completion_result import CompletionFailure, CompletionSuccess, UsageResult
from mcp_models.servers.core.completion import MISFIT
from tests.client.batch.fakes import failed, succeeded, write

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}, "model": {"type": "string"}}}
ROWS: list[tuple[Row, Any]] = [
    (Row(1, "a", {"model": "T", "n": 1, "x": None}), succeeded("{}", structured={"age": 41, "model": "B"}, cost_usd=0.5)),
    (Row(2, 2, {"model": "T", "n": 2.5, "x": [1]}), failed("refusal")),
    (Row(3, "c", {}), succeeded("{}", structured={"age": "old"}, warnings=[f"{MISFIT}: age"])),
    (Row(4, "d", {}), succeeded("{}", structured={"age": 2**70})),
]


def stored(folder: Path, rows: list[tuple[Row, Any]]) -> Store:
    folder.mkdir()
    store = Store(str(folder / "out.jsonl"), "the same")
    for row, result in rows:
        place = store.output.append(line_of(row, result))
        store.commit([], [settled_row(row.number, row.id, None, result, place, 0.0)], store.output.size)
    return store


def test_columns_have_types_and_rows_the_order_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    for name, rows in (("a", ROWS), ("b", ROWS[::-1])):
        store = stored(tmp_path / name, rows)
        write_parquet(store, str(path), SCHEMA)
        store.close()
        before, path = path, tmp_path / "again.parquet"
    assert before.read_bytes() == (tmp_path / "out.parquet").read_bytes()
    table = pyarrow.parquet.read_table(before)
    assert {name: str(table.schema.field(name).type) for name in ("id", "n", "x", "input_model", "age", "answer_model")} == {
        "id": "string",
        "n": "double",
        "x": "string",
        "input_model": "string",
        "age": "int64",
        "answer_model": "string",
    }
    assert table.column_names[:8] == ["id", "line", "input_model", "n", "x", "age", "answer_model", "output"]
    first, second, third, fourth = table.to_pylist()
    assert (first["id"], first["n"], first["x"], first["age"], first["answer_model"]) == ("a", 1.0, None, 41, "B")
    assert (first["cost_usd"], first["input_model"], first["warnings"]) == (0.5, "T", [])
    assert (second["id"], second["x"], second["error_type"], second["age"], second["output"]) == (
        "2",
        "[1]",
        "refusal",
        None,
        None,
    )
    assert (third["age"], third["warnings"]) == (None, [f"{MISFIT}: age"])
    assert (fourth["age"], fourth["warnings"]) == (None, ["age: the value does not fit the column's type"])


def test_every_key_of_a_result_has_a_column_and_keeps_its_value(tmp_path: Path) -> None:
    assert parquet_output.RESULT.keys() == CompletionSuccess.__annotations__.keys() | CompletionFailure.__annotations__.keys()
    kept = {
        "usage": dict.fromkeys(UsageResult.__annotations__, 1),
        "citations": [{"url": "https://example.com", "title": "A page"}],
        "files": [{"path": "a.pdf", "media_type": "application/pdf", "bytes": 9, "tokens": 2500}],
    }
    store = stored(tmp_path / "a", [(Row(1, "a", {}), succeeded("text", **kept))])
    write_parquet(store, str(tmp_path / "out.parquet"))
    store.close()
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").select(list(kept)).to_pylist() == [kept]


def test_a_large_output_is_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_output, "GROUP_ROWS", 3)
    store = stored(tmp_path / "a", ROWS)
    write_parquet(store, str(tmp_path / "out.parquet"))
    store.close()
    file = pyarrow.parquet.ParquetFile(tmp_path / "out.parquet")
    assert (file.metadata.num_row_groups, file.metadata.num_rows) == (2, 4)
    assert file.read().column("structured").to_pylist()[0] == '{"age":41,"model":"B"}'


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.parquet"
    path.write_text("before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = stored(tmp_path / "a", ROWS)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device.*the same command goes on"):
        write_parquet(store, str(path), SCHEMA)
    store.close()
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["out.parquet"]


def test_a_batch_from_parquet_to_parquet_writes_the_same_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["one", "two"]}), source)
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
    batch = Batch(
        provider="echo", input=str(source), output=str(output), template='{{"count": 3}}', arguments={"response_schema": schema}
    )
    assert run_batch(batch).succeeded == 2
    assert pyarrow.parquet.read_table(output).select(["text", "count"]).to_pylist() == [
        {"text": "one", "count": 3},
        {"text": "two", "count": 3},
    ]
    before = output.read_bytes()
    output.unlink()
    assert run_batch(batch).asked == 0
    assert output.read_bytes() == before


def test_what_would_be_lost_at_the_end_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write(tmp_path / "in.jsonl", {"prompt": "A"}), tmp_path / "out.parquet"
    batch = Batch(provider="echo", input=str(source), output=str(output))
    output.write_text("somebody else's")
    with pytest.raises(OutputError, match="choose another output"):
        run_batch(batch)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(BatchError, match=r"mcp-models\[batch\]"):
        run_batch(batch)
    assert not list(tmp_path.glob("out.parquet.*"))


def test_no_digit_of_a_large_integer_is_lost_beside_a_fraction(tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [{"n": 2**53 + 1, "m": 2**62}, {"n": 0.5, "m": 2**53 + 1}]
    rows = [(Row(number, number, each), succeeded("x")) for number, each in enumerate(columns, 1)]
    store = stored(tmp_path / "a", rows)
    write_parquet(store, str(tmp_path / "out.parquet"))
    store.close()
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pydict()
    assert (table["n"], table["m"]) == (["9007199254740993", "0.5"], [2**62, 2**53 + 1])
