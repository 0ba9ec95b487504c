"""Append the results to a JSONL file, one line for each row, and find them again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec

from mcp_models.client.batch.errors import OutputError
from mcp_models.client.batch.row import Row

OWN = ("id", "line", "columns", "same_as")
"""The keys of a line that are the row's. All others are the result's."""

_BLOCK, _LINE = 1 << 16, 1 << 12
"""How many bytes are read at once, and for the beginning of one line."""


def line_of(row: Row, result: Any) -> bytes:
    """Return a row's line.

    Args:
        row: The row.
        result: What `MCPModel.call` returns, and `same_as`, the id of another row, if it is that one's.
    """
    return msgspec.json.encode({"id": row.id, "line": row.number, "columns": row.columns, **result}) + b"\n"


def copy_of(line: bytes) -> tuple[Any, dict[str, Any]]:
    """Return the id and the result in a line, for another row that asks for the same. It costs nothing again."""
    found: dict[str, Any] = msgspec.json.decode(line)
    result = {name: value for name, value in found.items() if name not in OWN}
    if result.get("cost_usd"):
        result |= {"cost_usd": 0.0, "cache_savings_usd": None}
    return found.get("same_as", found["id"]), result


class Output:
    """A file of results. It only grows.

    Args:
        path: The file. It is made if there is none.

    Attributes:
        size: How many bytes of it are good.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from None
        self.size = os.fstat(self._file).st_size

    def append(self, line: bytes) -> int:
        """Write a line and return where it begins.

        Raises:
            OSError: There is no room. Nothing was written then.
        """
        place, rest = self.size, memoryview(line)
        os.lseek(self._file, place, os.SEEK_SET)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, place)
            raise
        self.size += len(line)
        return place

    def read(self, place: int) -> bytes:
        """Return the line that begins at a place."""
        held, size = b"", _LINE
        while block := self._at(place + len(held), size):
            if (end := block.find(b"\n")) >= 0:
                return held + block[: end + 1]
            held, size = held + block, _BLOCK
        return held

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield each whole line from a place on, with where it begins."""
        return (pair for pair in self._lines(start) if pair[1].endswith(b"\n"))

    def mend(self) -> int:
        """Cut off a line that was not written to its end, and return how many bytes that were."""
        end = self.size
        while end > 0:
            start = max(0, end - _BLOCK)
            found = self._at(start, end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        torn, self.size = self.size - end, end
        if torn:
            os.ftruncate(self._file, end)
        return torn

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _at(self, place: int, count: int) -> bytes:
        os.lseek(self._file, place, os.SEEK_SET)
        return os.read(self._file, count)

    def _lines(self, place: int) -> Iterator[tuple[int, bytes]]:
        """Yield lines, the last one maybe torn."""
        held, at = b"", place
        while block := self._at(at, _BLOCK):
            at += len(block)
            *whole, held = (held + block).split(b"\n")
            for line in whole:
                yield place, line + b"\n"
                place += len(line) + 1
        if held:
            yield place, held
