"""Rows from JSONL, CSV and Parquet, with a template or without; a bad row says what is wrong and where."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mcp_models.client.batch.errors import InputError
from mcp_models.client.batch.input import Source, read_rows
from mcp_models.client.batch.records import LONGEST_LINE, count_records, format_of
from mcp_models.client.batch.row import Row


def rows(path: Path, text: str | bytes, **options: Any) -> list[Row]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_rows(Source(str(path), "echo", **options)))


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return tmp_path / "in.jsonl"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


def test_a_line_of_json_is_a_row_with_arguments_and_columns(jsonl: Path) -> None:
    (row,) = rows(jsonl, '\ufeff{"id": "a", "prompt": "Hi", "max_tokens": 5, "topic": 1}\n')
    assert (row.number, row.id, row.columns) == (1, "a", {"topic": 1})
    assert row.arguments == {"prompt": "Hi", "max_tokens": 5}
    assert row.request is not None
    assert row.request.prompt == "Hi"


def test_a_row_without_an_id_is_called_by_its_line_and_empty_lines_do_not_count(jsonl: Path) -> None:
    assert [row.id for row in rows(jsonl, '{"prompt": "a"}\n\n{"prompt": "b"}')] == [1, 3]


def test_arguments_for_all_rows_give_way_to_a_rows_own(jsonl: Path) -> None:
    first, second = rows(jsonl, '{"prompt": "a", "seed": 2}\n{"prompt": "a"}', arguments={"seed": 1, "system": "Be brief."})
    assert (first.arguments["seed"], second.arguments["seed"], first.arguments["system"]) == (2, 1, "Be brief.")


def test_rows_that_ask_for_the_same_have_one_fingerprint(jsonl: Path) -> None:
    texts = ['{"id": 1, "prompt": "a", "seed": 1}', '{"seed": 1, "x": 2, "prompt": "a"}', '{"prompt": "a", "seed": 2}']
    first, same, other = rows(jsonl, "\n".join(texts))
    assert first.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{nope", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"id": 1.5, "prompt": "a"}', "id: expected a string or an integer"),
        ('{"id": 1}', "give either `prompt`"),
        ('{"prompt": "a", "max_tokens": 0}', "max_tokens: expected int ≥ 1, got 0"),
        ('{"prompt": "a", "max_token": 9}', "max_token: did you mean `max_tokens`?"),
        ('{"prompt": "a", "service_tier": "flex"}', "service_tier"),
        ('{"prompt": "\udcff"}', "not JSON"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_does_not_stop_the_others(jsonl: Path, line: str, problem: str) -> None:
    text = f'{{"prompt": "a"}}\n{line}\n{{"prompt": "b"}}\n'.encode("utf-8", "surrogateescape")
    first, bad, last = rows(jsonl, text)
    assert bad.request is None
    assert bad.problem.startswith("line 2: ")
    assert problem in bad.problem
    assert not first.problem
    assert not last.problem


def test_a_line_without_an_end_is_one_bad_row(jsonl: Path) -> None:
    with jsonl.open("wb") as file:
        file.truncate(LONGEST_LINE + 10)
        file.seek(0, io.SEEK_END)
        file.write(b'\n{"prompt": "b"}\n')
    bad, good = read_rows(Source(str(jsonl), "echo"))
    assert "the line has more than" in bad.problem
    assert good.number == 2


def test_columns_of_a_csv_file_that_are_no_arguments_are_kept(csv: Path) -> None:
    first, second = rows(csv, 'id,prompt,seed,topic\nx,"Hi,\nyou",7,red\n,Ho,,blue\n')
    assert (first.id, first.arguments["prompt"], first.columns) == ("x", "Hi,\nyou", {"topic": "red"})
    assert first.request is not None
    assert first.request.seed == 7
    assert (second.id, second.number, "seed" in second.arguments) == (4, 4, False)


@pytest.mark.parametrize(
    ("line", "problem"), [(b"a", "expected 2 fields"), (b"a,\xff", "not text in UTF-8"), (b'"a"b,c', "not CSV")]
)
def test_a_bad_line_of_a_csv_file_is_one_bad_row(csv: Path, line: bytes, problem: str) -> None:
    bad, good = rows(csv, b"id,prompt\n" + line + b"\nb,Hi\n")
    assert bad.problem.startswith("line 2: ")
    assert problem in bad.problem
    assert good.id == "b"


def test_a_template_takes_columns_of_any_name(csv: Path) -> None:
    (row,) = rows(csv, "id,system,text\n1,unix,Hallo\n", template="{{Translate}} from {system}: {text}")
    assert row.arguments == {"prompt": "{Translate} from unix: Hallo", "max_tokens": 4096}
    assert row.columns == {"system": "unix", "text": "Hallo"}


def test_a_template_writes_what_is_no_text_as_json(jsonl: Path) -> None:
    (row,) = rows(jsonl, '{"facts": ["a", 1]}', template="Facts: {facts}")
    assert row.arguments["prompt"] == 'Facts: ["a",1]'


def test_a_column_that_the_template_misses_is_a_bad_row(jsonl: Path) -> None:
    (row,) = rows(jsonl, '{"text": "a"}', template="{word}")
    assert row.problem == "line 1: no column 'word' for the template; there are text"


@pytest.mark.parametrize("template", ["{", "}", "{}", "a {b"])
def test_a_template_with_a_lone_brace_is_refused(jsonl: Path, template: str) -> None:
    with pytest.raises(InputError, match="--template"):
        rows(jsonl, "{}", template=template)


def test_a_file_that_is_not_there_or_of_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(read_rows(Source(str(tmp_path / "gone.csv"), "echo")))
    with pytest.raises(InputError, match="--format"):
        list(read_rows(Source(os.devnull, "echo")))
    assert format_of("-") == "jsonl"


@pytest.mark.parametrize("text", ["a,a\n", '"a"b\n'])
def test_a_csv_file_without_good_heads_is_refused(csv: Path, text: str) -> None:
    with pytest.raises(InputError, match="line 1"):
        rows(csv, text)


def test_the_rows_of_a_parquet_file_keep_the_types_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    moment = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    columns = {
        "id": ["a", None],
        "prompt": ["Hi", "Ho"],
        "seed": pyarrow.array([7.0, None]),  # as pandas keeps whole numbers beside nulls
        "at": pyarrow.array([moment, None], pyarrow.timestamp("ns", "UTC")),
        "tags": [["x"], []],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=1)
    first, second = read_rows(Source(str(path), "echo"))
    assert (first.number, first.id, first.request and first.request.seed) == (1, "a", 7)
    assert first.columns == {"at": moment, "tags": ["x"]}
    assert (second.number, second.id, "seed" in second.arguments, second.columns["tags"]) == (2, 2, False, [])
    (row, _) = read_rows(Source(str(path), "echo", template="{prompt} at {at}"))
    assert row.arguments["prompt"] == "Hi at 2026-11-26T12:00:00Z"
    assert count_records(str(path), "parquet") == 2


def test_what_is_no_parquet_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.parquet"
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(read_rows(Source(str(path), "echo")))
    with pytest.raises(InputError, match="name the file"):
        list(read_rows(Source("-", "echo", format_name="parquet")))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"mcp-models\[batch\]"):
        list(read_rows(Source(str(path), "echo")))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pyarrow.table({"day": pyarrow.array([10**9], pyarrow.date32())}), "row 1 cannot be read as Parquet"),
        (pyarrow.Table.from_arrays([pyarrow.array(["x"])] * 2, ["prompt", "prompt"]), "several columns 'prompt'"),
        (None, "cannot be read as Parquet: Couldn't deserialize"),
    ],
    ids=["a date beyond Python's", "a name twice", "a broken footer"],
)
def test_a_parquet_file_that_python_cannot_hold_is_refused_and_loses_nothing(tmp_path: Path, table: Any, says: str) -> None:
    path = tmp_path / "in.parquet"
    if table is None:
        path.write_bytes(b"PAR1" + b"\0" * 40 + (40).to_bytes(4, "little") + b"PAR1")
    else:
        pyarrow.parquet.write_table(table, path)
    with pytest.raises(InputError, match=says):
        list(read_rows(Source(str(path), "echo")))
