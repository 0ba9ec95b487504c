"""Read the records of a JSONL, CSV or Parquet file, or of standard input, one after the other."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

import msgspec

from mcp_models.client.batch.errors import InputError
from mcp_models.client.batch.parquet import count_parquet, read_parquet

STDIN = "-"
FORMATS = ("jsonl", "csv", "parquet")
LONGEST_LINE = 64 * 1024 * 1024
"""The most bytes of a line, and of a field of a CSV file."""

Record: TypeAlias = dict[str, Any] | str
"""The columns of a record, or what is wrong with it."""


def format_of(path: str) -> str:
    """Return the format of a file by its name. Standard input is JSONL.

    Raises:
        InputError: The name says nothing.
    """
    suffix = path.rpartition(".")[2].lower()
    if path == STDIN or suffix in ("jsonl", "ndjson"):
        return "jsonl"
    if suffix in ("csv", "parquet"):
        return suffix
    raise InputError(f"{path}: its name does not end in .jsonl, .csv or .parquet: say what it is with --format")


def read_records(path: str, format_name: str) -> Iterator[tuple[int, Record]]:
    """Yield each record with the line on which it begins, or in a Parquet file the row, from 1. Empty lines are left out.

    Args:
        path: The file, or `-` for standard input.
        format_name: One of `FORMATS`.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        if format_name == "parquet":
            if path == STDIN:
                raise InputError("a Parquet file cannot be read from standard input: name the file")
            yield from read_parquet(path)
            return
        with open(0 if path == STDIN else path, "rb", closefd=path != STDIN) as file:
            yield from (_csv if format_name == "csv" else _jsonl)(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def count_records(path: str, format_name: str) -> int:
    """Return how many records there are. A Parquet file says so itself; others are read.

    Raises:
        InputError: The file cannot be read.
    """
    return count_parquet(path) if format_name == "parquet" else sum(1 for _ in read_records(path, format_name))


def _jsonl(file: BinaryIO) -> Iterator[tuple[int, Record]]:
    number, decoder = 0, msgspec.json.Decoder()
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            _skip_line(file)
            yield number, f"the line has more than {LONGEST_LINE:,} bytes"
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, _object(decoder, line)


def _object(decoder: msgspec.json.Decoder[Any], line: bytes) -> Record:
    try:
        found = decoder.decode(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    if not isinstance(found, dict):
        return 'expected a JSON object, such as {"prompt": "…"}'
    return found


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass


def _csv(file: BinaryIO) -> Iterator[tuple[int, Record]]:
    csv.field_size_limit(min(LONGEST_LINE, sys.maxsize))
    # Bytes that are not UTF-8 become surrogates, so that they spoil their own row only.
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    try:
        yield from _csv_rows(text)
    finally:
        text.detach()  # or else it would close the file


def _csv_rows(text: io.TextIOWrapper) -> Iterator[tuple[int, Record]]:
    reader = csv.reader(text, strict=True)
    heads: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if heads is None:
                raise InputError(f"line {number}: not CSV: {error}") from None
            yield number, f"not CSV: {error}"
            continue
        if heads is None:
            heads = fields
            if len(set(heads)) < len(heads):
                raise InputError("line 1: two columns of the CSV file have the same name")
        elif fields:
            yield number, _columns(heads, fields)


def _columns(heads: list[str], fields: list[str]) -> Record:
    if len(fields) != len(heads):
        return f"expected {len(heads)} fields as in the first line, got {len(fields)}"
    if any("\udc80" <= character <= "\udcff" for field in fields if not field.isascii() for character in field):
        return "not text in UTF-8"
    return dict(zip(heads, fields, strict=True))
