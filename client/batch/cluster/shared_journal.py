"""Keep the journal that all workers of a batch share: the rows that were asked, their results, and the money.

It is a SQLite file beside the output, or for several machines the PostgreSQL of the ledger. A result stands here from the
moment it came until it is in the output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from mcp_models.client.batch.errors import BatchError, OutputError
from mcp_models.servers.core.ledger.sqlite_store import SQLiteStore
from mcp_models.servers.core.ledger.store import StoreError

if TYPE_CHECKING:
    from mcp_models.servers.core.ledger.store import Store
    from mcp_models.servers.core.ledger.target import Target

SUFFIX = ".workers"

_TABLES = (
    "CREATE TABLE IF NOT EXISTS batch_runs (run TEXT PRIMARY KEY, epoch BIGINT NOT NULL, spent DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS batch_rows (run TEXT NOT NULL, number BIGINT NOT NULL, state TEXT NOT NULL, "
    "cost DOUBLE PRECISION, line TEXT, PRIMARY KEY (run, number))",
)


class RunEnded(BatchError):
    """The run that a worker belongs to has ended, so it asks nothing more."""


class Answer(Struct, frozen=True):
    """A row's result.

    Attributes:
        number: The row's number.
        line: The result, as it stands in an output.
        cost: What the row has cost in dollars, or None if only the result says so.
    """

    number: int
    line: str
    cost: float | None


class SharedJournal:
    """The rows of one batch. Use it in the thread that opened it.

    Args:
        target: Where it is.
        run: The batch's name, which no other has.
        epoch: The run that this is a part of. None makes a new run, after which those before it are over.

    Raises:
        OutputError: It cannot be used, or it is not the one that the run was begun with.
    """

    def __init__(self, target: Target, run: str, epoch: int | None = None) -> None:
        self._run = run
        try:
            self._db = _opened(target)
            self.epoch = self._begun() if epoch is None else epoch
            if self._current() is None:
                raise OutputError(f"this worker's journal is not that of the batch: {target}. It must be the same for all")
        except StoreError as error:
            raise OutputError(f"{target} cannot be used as the journal of the workers: {error}") from None

    def close(self) -> None:
        """Close it."""
        self._db.close()

    # ---- for the program that has the output

    def end(self) -> None:
        """Let the workers begin no more calls."""
        self._db.execute("UPDATE batch_runs SET epoch = epoch + 1 WHERE run = ? AND epoch = ?", [self._run, self.epoch])

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget rows whose results are in the output."""
        with self._db.transaction():
            self._db.execute_many(
                "DELETE FROM batch_rows WHERE run = ? AND number = ?", [(self._run, each) for each in numbers]
            )

    def forget_failures(self) -> None:
        """Forget failures, so that their rows are asked again."""
        self._db.execute("DELETE FROM batch_rows WHERE run = ? AND state = 'failed'", [self._run])

    # ---- for the workers

    def state(self, number: int) -> str | None:
        """Return whether a row was `asked`, is `done` or has `failed`, or None if it is new."""
        found = self._db.execute("SELECT state FROM batch_rows WHERE run = ? AND number = ?", [self._run, number])
        return str(found[0][0]) if found else None

    def answers(self, numbers: Sequence[int]) -> list[Answer]:
        """Return the results that there are for these rows."""
        query = (
            "SELECT number, line, cost FROM batch_rows WHERE run = ? AND number >= ? AND number <= ? AND state <> 'asked' "
            "ORDER BY number"
        )
        wanted = set(numbers)
        found = self._db.execute(query, [self._run, min(wanted), max(wanted)])
        return [Answer(*fields) for fields in found if fields[0] in wanted]

    def append(self, number: int, state: str, line: str) -> None:
        """Keep a result. If the row has one already, that one stays.

        Args:
            number: The row's number.
            state: `done` or `failed`.
            line: The result, in JSON.

        Raises:
            OSError: That is not possible now.
        """
        statement = (
            "INSERT INTO batch_rows (run, number, state, line) VALUES (?, ?, ?, ?) ON CONFLICT (run, number) DO UPDATE "
            "SET state = excluded.state, line = excluded.line WHERE batch_rows.state = 'asked'"
        )
        try:
            self._db.execute(statement, [self._run, number, state, line])
        except StoreError as error:
            raise OSError(str(error)) from None

    def commit(self, asked: Sequence[int], costs: Sequence[tuple[float, int]]) -> None:
        """Write down which rows will be asked and what settled ones have cost, and wait until that is on the disk.

        Raises:
            RunEnded: Nothing more is to be asked. The costs have been written.
            OSError: That is not possible now. Nothing has changed then.
        """
        try:
            with self._db.transaction():
                self._db.execute_many(
                    "UPDATE batch_rows SET cost = ? WHERE run = ? AND number = ?",
                    [(cost, self._run, number) for cost, number in costs],
                )
                is_over = bool(asked) and self._current() != self.epoch
                if not is_over:
                    self._db.execute_many(
                        "INSERT INTO batch_rows (run, number, state) VALUES (?, ?, 'asked') "
                        "ON CONFLICT (run, number) DO NOTHING",
                        [(self._run, number) for number in asked],
                    )
        except StoreError as error:
            raise OSError(str(error)) from None
        if is_over:
            raise RunEnded("the run has ended")

    def withdraw(self, numbers: Sequence[int]) -> None:
        """Forget rows that were to be asked and were not."""
        statement = "DELETE FROM batch_rows WHERE run = ? AND number = ? AND state = 'asked'"
        try:
            self._db.execute_many(statement, [(self._run, number) for number in numbers])
        except StoreError as error:
            raise OSError(str(error)) from None

    # ---- money

    def reserve(self, cost: float, most: float) -> bool:
        """Reserve what a call may cost, and return whether it fits into what may be spent. It counts until it is replaced."""
        with self._db.transaction():
            if self.spent() + cost > most:
                return False
            self.spend(cost)
        return True

    def spend(self, cost: float) -> None:
        """Count dollars as spent, or fewer than before if it is negative."""
        self._db.execute("UPDATE batch_runs SET spent = spent + ? WHERE run = ?", [cost, self._run])

    def spent(self) -> float:
        """Return what has been spent or is reserved, by all workers."""
        return float(self._db.execute("SELECT spent FROM batch_runs WHERE run = ?", [self._run])[0][0])

    def _begun(self) -> int:
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO batch_runs (run, epoch, spent) VALUES (?, 1, 0) ON CONFLICT (run) DO UPDATE "
                "SET epoch = batch_runs.epoch + 1",
                [self._run],
            )
            epoch = self._current()
        assert epoch is not None
        return epoch

    def _current(self) -> int | None:
        found = self._db.execute("SELECT epoch FROM batch_runs WHERE run = ?", [self._run])
        return int(found[0][0]) if found else None


class _File(SQLiteStore):
    """A SQLite file with our tables instead of the ledger's. Only transactions wait for the disk."""

    def migrate(self) -> None:
        for statement in _TABLES:
            self.execute(statement)


def _opened(target: Target) -> Store:
    if not target.is_postgres:
        return _File(target.place)
    store = target.open()
    with store.transaction():
        for statement in _TABLES:
            store.execute(statement)
    return store
