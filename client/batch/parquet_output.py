"""Write the results of a batch to a Parquet file, with a type for each column, in the order of the input.

While a batch runs, its results are in a JSONL file, which survives a crash at any moment, as a Parquet file does not. So the
Parquet file is written from it when every row has a line, in one step, and always with the same bytes for the same results.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mcp_models.client.batch.errors import OutputError
from mcp_models.client.batch.kinds import Kind, ListKind, RecordKind, arrow_type, fitted, of_value, of_values, schema_fields
from mcp_models.client.batch.parquet import pyarrow
from mcp_models.client.batch.store import NEW_SUFFIX, sync_folder
from mcp_models.servers.core.completion import MISFIT, Usage

if TYPE_CHECKING:
    from mcp_models.client.batch.store import Store

GROUP_ROWS, GROUP_BYTES = 20_000, 4 * 1024 * 1024
"""How many rows, or bytes of JSON, make a row group. It is in memory until it is written."""

_COUNTS: Kind = RecordKind(tuple((name, "integer") for name in Usage.__struct_fields__))
_FILE: Kind = RecordKind((("path", "text"), ("media_type", "text"), ("bytes", "integer"), ("tokens", "integer")))
_CITATION: Kind = RecordKind((("url", "text"), ("title", "text")))

RESULT: dict[str, Kind] = {
    "output": "text",
    "error_type": "text",
    "error": "text",
    "model": "text",
    "provider": "text",
    "tokens_used": "integer",
    "usage": _COUNTS,
    "cost_usd": "number",
    "price_source": "text",
    "cache_savings_usd": "number",
    "service_tier": "text",
    "stop_reason": "text",
    "native_stop_reason": "text",
    "request_id": "text",
    "latency_ms": "integer",
    "auth_mode": "text",
    "reasoning": "text",
    "structured": "json",
    "files": ListKind(_FILE),
    "citations": ListKind(_CITATION),
    "dropped_params": ListKind("text"),
    "warnings": ListKind("text"),
    "retryable": "boolean",
    "retry_after": "number",
    "status": "integer",
    "partial": "text",
}
"""The columns of a result. They are the same for every batch."""


class Column(Struct, frozen=True):
    """A column of the Parquet file.

    Attributes:
        name: Its name.
        kind: What it holds.
        path: Where its value is in a line of the JSONL file.
    """

    name: str
    kind: Kind
    path: tuple[str, ...]


def write_parquet(store: Store, path: str, schema: Any = None) -> None:
    """Write the results to a Parquet file, which appears when it is whole.

    Args:
        store: The results.
        path: The file. One that is there is replaced.
        schema: The JSON Schema that the answers have to fit. The properties of its object get a column each.

    Raises:
        BatchError: It cannot be written, or pyarrow is not installed.
    """
    library, temporary = pyarrow(), path + NEW_SUFFIX
    columns = _columns(store, schema)
    try:
        _write(library, temporary, columns, store)
        os.replace(temporary, path)
        sync_folder(os.path.dirname(os.path.abspath(path)))
    except (OSError, library.ArrowException) as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise OutputError(
            f"{path} cannot be written: {error}. The results are in {store.path}, and the same command goes on from there"
        ) from None


def _write(library: Any, path: str, columns: list[Column], store: Store) -> None:
    schema = library.schema([(column.name, arrow_type(library, column.kind)) for column in columns])
    with open(path, "wb") as file:
        with library.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _groups(store):
                for line in group:
                    _fit(line, columns)
                arrays = [
                    library.array([_value(line, column) for line in group], field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                writer.write_batch(library.RecordBatch.from_arrays(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def _groups(store: Store) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for line in store.lines():
        group.append(msgspec.json.decode(line))
        size += len(line)
        if len(group) == GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _fit(line: dict[str, Any], columns: list[Column]) -> None:
    """Make an answer's fields fit their columns. What does not, or does not fit the schema, becomes null with a warning."""
    warnings: list[str] = line.get("warnings") or []
    answer = line.get("structured")
    if not isinstance(answer, dict) or any(warning.startswith(MISFIT) for warning in warnings):
        answer = {}
    fields = [column for column in columns if column.path[0] == "structured" and len(column.path) == 2]
    if not fields:
        return
    line["structured"] = found = {}
    for column in fields:
        try:
            found[column.path[1]] = fitted(column.kind, answer.get(column.path[1]))
        except ValueError:
            line["warnings"] = warnings = [*warnings, f"{column.name}: the value does not fit the column's type"]


def _value(line: dict[str, Any], column: Column) -> Any:
    value: Any = line.get(column.path[0])
    if len(column.path) == 2:
        value = value.get(column.path[1]) if value else None
        if column.path[0] == "structured":
            return value  # is made to fit already
    return fitted(column.kind, value) if column.kind in ("json", "name") else value


def _columns(store: Store, schema: Any) -> list[Column]:
    """Return the columns: the row's name, its columns in the input, the fields of its answer, the rest of the result."""
    names, inputs = _kinds_of_rows(store)
    fields = schema_fields(schema)
    result = {name: kind for name, kind in RESULT.items() if name != "structured" or not fields}
    own: list[Column] = [Column("id", names, ("id",)), Column("line", "integer", ("line",))]
    last = [*(Column(name, kind, (name,)) for name, kind in result.items()), Column("same_as", names, ("same_as",))]
    taken = {column.name for column in own + last}
    for prefix, key, kinds in (("input", "columns", inputs), ("answer", "structured", fields)):
        for name, kind in kinds.items():
            own.append(Column(_free(name, prefix, taken), kind, (key, name)))
            taken.add(own[-1].name)
    return own + last


def _kinds_of_rows(store: Store) -> tuple[Kind, dict[str, Kind]]:
    """Return the kind of the ids, and those of the input's columns by their names."""
    ids: set[Kind] = set()
    found: dict[str, set[Kind]] = {}
    decoder = msgspec.json.Decoder(_Known)
    for line in store.lines():
        known = decoder.decode(line)
        ids.add(of_value(known.id))
        for name, value in known.columns.items():
            kinds = found.setdefault(name, set())
            if value is not None:
                kinds.add(of_value(value))
    return ("integer" if ids == {"integer"} else "name"), {name: of_values(kinds) for name, kinds in found.items()}


class _Known(Struct):
    id: str | int
    columns: dict[str, Any] = {}


def _free(name: str, prefix: str, taken: set[str]) -> str:
    """Return a name that no other column has: `model` of the input becomes `input_model`."""
    if name not in taken:
        return name
    candidates = (f"{prefix}_{name}{number or ''}" for number in itertools.count())
    return next(candidate for candidate in candidates if candidate not in taken)
