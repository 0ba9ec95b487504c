"""Hold the output and its journal together: open them, mend them after a crash, and keep them in step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mcp_models.client.batch.errors import OutputError
from mcp_models.client.batch.journal import Journal, Settled, journal_path
from mcp_models.client.batch.output import Output
from mcp_models.client.batch.question import Found
from mcp_models.client.batch.row import Row
from mcp_models.client.batch.verdict import may_be_charged

NEW_SUFFIX = ".new"
"""Of the file that takes the place of the output when the failures are removed."""

_STEP = 1000


class Store:
    """An output with its journal.

    Args:
        path: The output.
        identity: What was asked, in words: the output must have been begun with the same.
        retry_failed: Whether to remove the failures, so that their rows are asked again.

    Attributes:
        path: The output's absolute path.

    Raises:
        BatchError: They cannot be used. The message says why.
    """

    def __init__(self, path: str, identity: str, retry_failed: bool = False) -> None:
        self.path = os.path.abspath(path)
        if not os.path.exists(journal_path(path)) and os.path.exists(path) and os.path.getsize(path):
            raise OutputError(f"{path} exists, and it has no journal beside it: choose another output, or remove it")
        self.journal = Journal(journal_path(path))
        try:
            self.journal.check_identity(identity)
            if self.journal.is_clearing or retry_failed:
                self._clear_failures()
            else:
                self.output = Output(path)
            self.torn = self._mend()
            self.journal.take_over()
        except BaseException:
            self.journal.close()
            raise

    def close(self) -> None:
        """Close both."""
        self.output.close()
        self.journal.close()

    def commit(self, asked: Sequence[Row], settled: Sequence[Settled], size: int) -> None:
        """Sync the output, then write to the journal what was settled and what will be asked.

        Raises:
            OSError: There is no room on the disk.
            sqlite3.Error: The same. Nothing has changed then.
        """
        if settled:
            self.output.sync()
        self.journal.commit(asked, settled, size)

    @property
    def size(self) -> int:
        """How many bytes of the output are good."""
        return self.output.size

    def look(self, row: Row) -> Found:
        """Return what the journal knows of a row.

        Raises:
            InputError: The row is not what it was when the batch began.
        """
        state = self.journal.look(row)
        is_taken = state is None and self.journal.has_id(str(row.id))
        place = None if state in ("done", "failed") or row.problem else self.journal.place_of(row.fingerprint)
        return Found(state, is_taken, place)

    def append(self, number: int, line: bytes) -> int:  # noqa: ARG002
        """Write a row's line to the output and return where it begins.

        Raises:
            OSError: There is no room. Nothing was written then.
        """
        return self.output.append(line)

    def read(self, place: int) -> bytes:
        """Return the line that begins at a place."""
        return self.output.read(place)

    def withdraw(self, rows: Sequence[Row]) -> None:
        """Forget rows that were to be asked and were not. What they have cost in vain stays spent."""
        self.journal.withdraw(rows)

    def lines(self) -> Iterator[bytes]:
        """Yield the line of each row, in the order of the input."""
        return map(self.output.read, self.journal.places())

    def _mend(self) -> int:
        """Cut off a torn last line, and tell the journal of lines that it does not know. Return how many bytes were cut off."""
        known = self.journal.size
        if self.output.size < known:
            raise OutputError(
                f"{self.path} is shorter than its journal says, so results are missing: put it back, or remove the file "
                "and its journal to begin again"
            )
        torn = self.output.mend()
        step: list[tuple[int, dict[str, Any]]] = []
        for place, line in self.output.lines(known):
            step.append((place, _decoded(line, self.path)))
            if len(step) == _STEP:
                self._tell(step, place + len(line))
                step = []
        self._tell(step, self.output.size)
        return torn

    def _tell(self, step: list[tuple[int, dict[str, Any]]], size: int) -> None:
        known = self.journal.numbers([str(line["id"]) for _, line in step])
        settled = []
        for place, line in step:
            number, fingerprint, highest = known.get(str(line["id"]), (line["line"], None, None))
            is_charged = line.get("cost_usd") is None and ("error_type" not in line or may_be_charged(line))
            cost = (highest or 0.0) if is_charged else line.get("cost_usd") or 0.0
            settled.append(settled_row(number, line["id"], fingerprint, line, place, cost))
        self.commit([], settled, size)

    def _clear_failures(self) -> None:
        """Replace the output by one that has only answers. If it is interrupted, it is done again by the next run."""
        self.output = Output(self.path)
        if not self.journal.is_clearing:  # or else the output may be the new one already
            self._mend()
            self.journal.begin_clearing()
        temporary = self.path + NEW_SUFFIX
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        kept = Output(temporary)
        os.chmod(temporary, os.stat(self.path).st_mode & 0o777)
        for _, line in self.output.lines():
            if "error_type" not in _decoded(line, self.path):
                kept.append(line)
        kept.sync()
        self.output.close()
        os.replace(temporary, self.path)
        sync_folder(os.path.dirname(self.path))
        self.output = kept
        self.journal.end_clearing(((place, _decoded(line, self.path)["line"]) for place, line in kept.lines()), kept.size)


def settled_row(number: int, row_id: object, fingerprint: bytes | None, result: Any, place: int, cost: float) -> Settled:
    """Return what the journal keeps of a result.

    Args:
        number: The row's number.
        row_id: The row's id.
        fingerprint: The row's fingerprint, if it is known.
        result: The result.
        place: Where its line begins in the output.
        cost: What the row has cost in dollars.
    """
    error_type = result.get("error_type")
    # The tokens of a result that several rows have are counted once.
    tokens = 0 if "same_as" in result else result.get("tokens_used") or 0
    return Settled(number, str(row_id), fingerprint, error_type, tokens, cost, place)


def _decoded(line: bytes, path: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
        if isinstance(found, dict) and "id" in found and isinstance(found["line"], int):
            return found
    except (ValueError, KeyError):
        pass
    raise OutputError(f"{path} has a line that this program did not write: {line[:80]!r}")


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder are on the disk, where a system can do that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
