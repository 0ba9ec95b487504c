"""Keep the journal of a batch: a SQLite file beside the output that says what was asked and what has been settled.

The journal is synced before a row is asked, and the output before the journal says that a row is settled. So after a crash,
the output's lines beyond the size in the journal are read again, and rows that are `asked` without a line are asked again.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from mcp_models.client.batch.errors import InputError, OutputError
from mcp_models.client.batch.row import Row

SUFFIX = ".journal"
VERSION = 1

State = Literal["asked", "done", "failed"]

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, fingerprint BLOB, state TEXT NOT NULL, error_type TEXT,
    tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0, highest REAL, place INTEGER
);
CREATE INDEX IF NOT EXISTS rows_by_fingerprint ON rows (fingerprint, state);
CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, id TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_rows (item TEXT PRIMARY KEY, job TEXT NOT NULL, number INTEGER NOT NULL, row BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_rows_by_number ON job_rows (number);
"""

_LOST = "state = 'asked' AND number NOT IN (SELECT number FROM job_rows)"
"""Rows that a run which was killed had in flight: those in jobs are not lost."""

_SETTLE = """
INSERT INTO rows (number, id, fingerprint, state, error_type, tokens, cost, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET state = excluded.state, error_type = excluded.error_type, tokens = excluded.tokens,
    cost = excluded.cost, highest = NULL, place = excluded.place
"""


class Settled(Struct, frozen=True):
    """A row whose line is in the output.

    Attributes:
        number: The row's number.
        id: Its id, as text.
        fingerprint: Its fingerprint, or None if it is not known.
        error_type: Why there is no answer, or None if there is one.
        tokens: How many tokens it took.
        cost: What it cost in dollars, or what it may have cost if nobody knows.
        place: Where its line begins.
    """

    number: int
    id: str
    fingerprint: bytes | None
    error_type: str | None
    tokens: int
    cost: float
    place: int


class Totals(Struct):
    """What a batch has come to, over all its runs.

    Attributes:
        done: Rows with an answer.
        failed: Rows without one, by the type of the error.
        tokens: Tokens in and out.
        spent: Dollars that were spent, those included that may have been.
    """

    done: int = 0
    failed: dict[str, int] = {}
    tokens: int = 0
    spent: float = 0.0


class Journal:
    """The journal of one output. Use it from one thread at a time.

    Args:
        path: The journal's file.

    Attributes:
        db: The database.
        run_id: A name for this batch that no other has.

    Raises:
        OutputError: Another run has it open, or it is no journal.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self.db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA locking_mode=EXCLUSIVE")  # until it is closed, or its process ends in whatever way
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                self.db.execute(statement)
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise OutputError(f"another run is writing to this output: its journal {path} is in use") from None
            raise OutputError(f"{path}: it cannot be used as a journal: {error}") from None
        if self._fact("version", VERSION) != VERSION:
            raise OutputError(f"{path} was made by another version of mcp-models")
        self.run_id = str(self._fact("run", uuid.uuid4().hex))

    def close(self) -> None:
        """Close the journal, which lets others use it."""
        self.db.close()

    @property
    def size(self) -> int:
        """How many bytes of the output the journal knows."""
        return int(str(self._fact("size", 0)))

    def check_identity(self, identity: str) -> None:
        """Check that the output belongs to the same question: the provider, the model, the template and the arguments.

        Raises:
            InputError: It does not.
        """
        if self.db.execute("SELECT 1 FROM rows LIMIT 1").fetchone() is None:
            self._set("identity", identity)  # nothing was asked yet
        if self._fact("identity", identity) != identity:
            raise InputError(
                f"the output was begun with other arguments: {self._fact('identity', '')}. Now they are: {identity}. "
                f"Use the same ones, or another output."
            )

    def take_over(self) -> None:
        """Count what a run that was killed had in flight as spent: it may have been, and nobody knows."""
        with self.transaction():
            lost = self.db.execute(f"SELECT coalesce(sum(highest), 0) FROM rows WHERE {_LOST}").fetchone()[0]
            self.db.execute(f"UPDATE rows SET highest = NULL WHERE {_LOST}")
            self._set("held", self._held() + lost)

    def numbers(self, ids: Sequence[str]) -> dict[str, tuple[int, bytes | None, float | None]]:
        """Return the number, the fingerprint and the highest cost of each row that the journal knows, by its id."""
        found = {}
        for name in ids:
            if row := self.db.execute("SELECT number, fingerprint, highest FROM rows WHERE id = ?", (name,)).fetchone():
                found[name] = row
        return found

    def look(self, row: Row) -> State | None:
        """Return a row's state, or None if it is new.

        Raises:
            InputError: The row is not what it was when the batch began.
        """
        found = self.db.execute("SELECT id, fingerprint, state FROM rows WHERE number = ?", (row.number,)).fetchone()
        if found is None:
            return None
        known, now = found[:2], (str(row.id), row.fingerprint)
        if known[1] is not None and known != now:
            raise InputError(
                f"line {row.number} is not what it was when the batch began: use the same input, to which lines may be "
                "added at its end, or another output"
            )
        state: State = found[2]
        return state

    def has_id(self, name: str) -> bool:
        """Return whether there is a row with this id."""
        return self.db.execute("SELECT 1 FROM rows WHERE id = ?", (name,)).fetchone() is not None

    def place_of(self, fingerprint: bytes) -> int | None:
        """Return where the line of a settled row with this fingerprint begins, if there is one."""
        query = "SELECT place FROM rows WHERE fingerprint = ? AND state IN ('done', 'failed') LIMIT 1"
        found = self.db.execute(query, (fingerprint,)).fetchone()
        return found and int(found[0])

    def places(self) -> Iterator[int]:
        """Yield where the line of each settled row begins, in the order of the input."""
        for (place,) in self.db.execute("SELECT place FROM rows WHERE state IN ('done', 'failed') ORDER BY number"):
            yield place

    def commit(self, asked: Iterable[Row], settled: Iterable[Settled], size: int) -> None:
        """Write down rows that will be asked and rows that have been settled, and wait until that is on the disk.

        Args:
            asked: Rows that will be asked.
            settled: Rows whose lines are on the disk.
            size: The size of the output, with these lines.

        Raises:
            sqlite3.Error: It could not be written, for example because the disk is full. Nothing has changed then.
        """
        with self.transaction():
            self.add(asked)
            self.db.executemany(_SETTLE, [_columns(row) for row in settled])
            self._set("size", size)

    def add(self, asked: Iterable[Row]) -> None:
        """Add rows that will be asked, within a transaction."""
        self.db.executemany(
            "INSERT INTO rows (number, id, fingerprint, state, highest) VALUES (?, ?, ?, 'asked', ?) "
            "ON CONFLICT (number) DO UPDATE SET highest = excluded.highest",
            [(row.number, str(row.id), row.fingerprint, row.highest) for row in asked],
        )

    def withdraw(self, rows: Sequence[Row]) -> None:
        """Forget rows that were to be asked and were not. What they have cost in vain stays spent."""
        with self.transaction():
            self._set("held", self._held() + sum(row.cost for row in rows))
            self.db.executemany("DELETE FROM rows WHERE number = ? AND state = 'asked'", [(row.number,) for row in rows])

    def begin_clearing(self) -> None:
        """Write down that the failures are about to be removed from the output."""
        self._set("clearing", 1)

    @property
    def is_clearing(self) -> bool:
        """Whether the failures were being removed when the run ended."""
        return bool(self._fact("clearing", 0))

    def end_clearing(self, places: Iterable[tuple[int, int]], size: int) -> None:
        """Forget the failures, now that the output has only answers. What they may have cost stays spent.

        Args:
            places: Where each line that is left begins, and its row's number.
            size: The size of the output.
        """
        with self.transaction():
            cost = self.db.execute("SELECT coalesce(sum(cost), 0) FROM rows WHERE state = 'failed'").fetchone()[0]
            self.db.execute("DELETE FROM rows WHERE state = 'failed'")
            self.db.executemany("UPDATE rows SET place = ? WHERE number = ?", places)
            self._set("held", self._held() + cost)
            self._set("size", size)
            self._set("clearing", 0)

    def totals(self) -> Totals:
        """Return what the batch has come to."""
        totals = Totals(spent=self._held())
        query = "SELECT state, error_type, count(*), sum(tokens), sum(cost) FROM rows WHERE state != 'asked' GROUP BY 1, 2"
        for state, error_type, count, tokens, cost in self.db.execute(query):
            totals.tokens += tokens
            totals.spent += cost
            if state == "done":
                totals.done += count
            else:
                totals.failed[error_type] = count
        return totals

    def _held(self) -> float:
        return float(str(self._fact("held", 0.0)))

    def _fact(self, name: str, default: object) -> object:
        """Return a fact. If it is not known yet, it is the default from now on."""
        self.db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, default))
        found: object = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()[0]
        return found

    def _set(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def transaction(self) -> _Transaction:
        """Return a context manager for a transaction that is synced at its end, or undone."""
        return _Transaction(self.db)


class _Transaction:
    """A transaction that is undone if anything goes wrong, its commit included."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _columns(row: Settled) -> tuple[object, ...]:
    state = "done" if row.error_type is None else "failed"
    return row.number, row.id, row.fingerprint, state, row.error_type, row.tokens, row.cost, row.place


def journal_path(output: str) -> str:
    """Return the journal's file for an output."""
    return os.path.abspath(output) + SUFFIX
