"""Turn the records of the input into rows: what to ask, and which columns go to the output as they are."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from mcp_models.client.batch.records import Record, format_of, read_records
from mcp_models.client.batch.row import Row, RowId, fingerprint
from mcp_models.client.batch.template import Template
from mcp_models.servers.core import MAX_TOKENS_DEFAULT
from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tools import input_schema

ARGUMENTS = frozenset(input_schema(("flex",))["properties"])
"""The arguments of `complete` that a row can have: not `files`, `web_search` and those about tasks."""

ID = "id"


class Source(Struct, frozen=True):
    """Where the rows come from, and what they have in common.

    Attributes:
        path: The file, or `-` for standard input.
        provider: The provider's name.
        tiers: The values of `service_tier` that the provider has.
        arguments: Arguments for every row, unless it has its own.
        template: A prompt with columns in braces. With one, every column but `id` counts as a column, whatever its name.
        format_name: The format of the file. None means that its name says so.
    """

    path: str
    provider: str
    tiers: tuple[str, ...] = ()
    arguments: dict[str, Any] = {}
    template: str | None = None
    format_name: str | None = None


def read_rows(source: Source) -> Iterator[Row]:
    """Yield the rows, bad ones too.

    Raises:
        InputError: The file cannot be read, or the template makes no sense.
    """
    template = None if source.template is None else Template(source.template)
    for number, record in read_records(source.path, source.format_name or format_of(source.path)):
        yield _row(source, template, number, record)


def _row(source: Source, template: Template | None, number: int, record: Record) -> Row:
    if isinstance(record, str):
        return _bad(number, number, {}, record)
    row_id = record.pop(ID, None)
    name: RowId = number if row_id is None or row_id == "" else row_id
    if type(name) not in (str, int):
        return _bad(number, number, record, f"{ID}: expected a string or an integer")
    try:
        own, columns = _split(record, template)
        arguments = {"max_tokens": MAX_TOKENS_DEFAULT, **source.arguments, **own}
        request = parse_arguments(arguments, source.tiers)
    except InvalidRequestError as error:
        return _bad(number, name, record, error.message)
    except ValueError as error:
        return _bad(number, name, record, str(error))
    return Row(number, name, columns, arguments, request, fingerprint=fingerprint(source.provider, arguments))


def _bad(number: int, name: RowId, columns: dict[str, Any], problem: str) -> Row:
    return Row(number, name, columns, problem=f"line {number}: {problem}", fingerprint=fingerprint(str(name), columns, problem))


def _split(record: dict[str, Any], template: Template | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record's arguments and its other columns."""
    if template is not None:
        return {"prompt": template.fill(record)}, record
    arguments = {name: value for name, value in record.items() if name in ARGUMENTS and value is not None}
    columns = {name: value for name, value in record.items() if name not in ARGUMENTS}
    for name in columns:
        if close := _close(name):
            raise ValueError(f"{name}: did you mean `{close}`?")
    # In a CSV file, an empty field is an argument that was not given.
    return {name: value for name, value in arguments.items() if value != "" or name == "prompt"}, columns


@functools.lru_cache(1024)
def _close(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name, sorted(ARGUMENTS), 1, 0.85)), None)
