"""Define `Store`: the database behind the ledger. What SQLite and PostgreSQL have in common is here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from mcp_models.servers.core.ledger.budget import BudgetError, Cap, Used, refusal
from mcp_models.servers.core.ledger.row import NANO, Row, iso
from mcp_models.servers.core.ledger.schema import MIGRATIONS

WAIT_SECONDS = 5.0
"""How long to wait for another process that is writing."""

SETTLE_SECONDS = 5.0
"""How much longer than its call a reservation lasts, so that it has not expired while the call is being settled."""

FREE_SECONDS = WAIT_SECONDS + 1.0
"""How much longer an expired reservation counts. Meanwhile somebody looks whether its process has left a row, and writes that.

It is longer than any transaction waits, so no reservation is freed by a writer that has not looked since it expired.
"""

_COLUMNS = (
    "id, started_at, provider, model_asked, model, host, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, "
    "reasoning_tokens, service_tier, cost_usd, cache_savings_usd, held_usd, latency_ms, stop_reason, error_type, request_id, "
    "refused"
)


class StoreError(Exception):
    """The database cannot be used. The message says why, for people."""


class Reservation(Struct, frozen=True):
    """The room in the budget that a call needs.

    Attributes:
        id: The id of the call's row, which settles the reservation.
        caps: The caps that the call must fit.
        seconds: How long the call may take.
        provider: The provider to ask.
        host: The program that asked.
        cost: What the call may cost at most, in billionths of a dollar.
    """

    id: str
    caps: tuple[Cap, ...]
    seconds: float
    provider: str
    host: str | None
    cost: int


class Store(ABC):
    """The database. Use it in one thread, and close it after a `StoreError`."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement with `?` for values, and return the rows that it gives."""

    @abstractmethod
    def execute_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement that gives no rows once for each of several lists of values."""

    @abstractmethod
    def transaction(self) -> Any:
        """Return a context manager for a transaction in which no other process writes.

        Raises:
            StoreError: The database cannot be used, or the others do not end in time.
        """

    @abstractmethod
    def now(self) -> float:
        """Return the time in seconds since 1970, on a clock that all users of the database share."""

    @abstractmethod
    def version(self) -> int:
        """Return how many of the schema's steps the database has."""

    @abstractmethod
    def apply(self, step: str, version: int) -> None:
        """Take a step of the schema and remember its number."""

    def migrate(self) -> None:
        """Bring the schema to the newest version.

        Raises:
            StoreError: The database is of a later version of this program, or cannot be used.
        """
        if self.version() == len(MIGRATIONS):
            return
        with self.transaction():
            has = self.version()  # another process may have been faster
            if has > len(MIGRATIONS):
                raise StoreError("it was made by a newer version of mcp-models: upgrade this one")
            for number, step in enumerate(MIGRATIONS[has:], has + 1):
                self.apply(step, number)

    def write(self, rows: Sequence[Row], reservations: Sequence[Reservation]) -> list[float | BudgetError]:
        """Add rows, settle their reservations, and make new reservations, in one transaction.

        Args:
            rows: The rows. Those that are in the database already are ignored.
            reservations: What to reserve.

        Returns:
            For each reservation the time at which it was made, or why the budget does not allow it.

        Raises:
            StoreError: The database cannot be used. Nothing has been written.
        """
        with self.transaction():
            if rows:
                self._add(rows)
            if not reservations:
                return []
            now = self.now()
            self.execute("DELETE FROM reservations WHERE expires < ?", [now - FREE_SECONDS])
            return [self._reserve(reservation, now) for reservation in reservations]

    def has_expired(self) -> bool:
        """Return whether a reservation has expired, because the process that made it was killed or cannot settle it.

        Such a process may have left the call's row behind.
        """
        return bool(self.execute("SELECT 1 FROM reservations WHERE expires < ? LIMIT 1", [self.now()]))

    def used(self, cap: Cap, who: str | None, now: float) -> Used:
        """Return what has been used of a cap.

        Args:
            cap: The cap.
            who: The provider or host, if the cap is for each.
            now: The time, in seconds since 1970.
        """
        begins = cap.begins(now)
        mine, values = (f" AND {cap.per} = ?", [who or ""]) if cap.per else ("", [])
        what = "SUM(nano_usd)" if cap.unit == "usd" else "SUM(calls)"
        ((spent,),) = self.execute(
            f"SELECT COALESCE({what}, 0) FROM hourly_totals WHERE hour >= ?{mine}", [int(begins // 3600), *values]
        )
        what = "SUM(nano_usd)" if cap.unit == "usd" else "COUNT(*)"
        ((reserved,),) = self.execute(
            f"SELECT COALESCE({what}, 0) FROM reservations WHERE started >= ? AND expires >= ?{mine}",
            [begins, now - FREE_SECONDS, *values],
        )
        return Used(cap, who, int(spent), int(reserved))

    def _reserve(self, reservation: Reservation, now: float) -> float | BudgetError:
        for cap in reservation.caps:
            who = None if cap.per is None else reservation.provider if cap.per == "provider" else reservation.host
            used, needed = self.used(cap, who, now), reservation.cost if cap.unit == "usd" else 1
            if used.spent + used.reserved + needed > cap.amount:
                return refusal(used, needed, now)
        expires = now + reservation.seconds + SETTLE_SECONDS
        self.execute(
            "INSERT INTO reservations (id, started, expires, provider, host, nano_usd) VALUES (?, ?, ?, ?, ?, ?)",
            [reservation.id, now, expires, reservation.provider, reservation.host or "", reservation.cost],
        )
        return now

    def _add(self, rows: Sequence[Row]) -> None:
        known = set()
        for part in _parts(rows):
            marks = ", ".join("?" * len(part))
            known |= {
                found[0] for found in self.execute(f"SELECT id FROM calls WHERE id IN ({marks})", [row.id for row in part])
            }
        new = [row for row in rows if row.id not in known]
        marks = ", ".join("?" * len(_COLUMNS.split(", ")))
        self.execute_many(f"INSERT INTO calls ({_COLUMNS}) VALUES ({marks})", [_values(row) for row in new])
        self.execute_many(
            "INSERT INTO hourly_totals (hour, provider, host, nano_usd, calls) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
            "(hour, provider, host) DO UPDATE SET nano_usd = hourly_totals.nano_usd + excluded.nano_usd, "
            "calls = hourly_totals.calls + excluded.calls",
            _totals(new),
        )
        self.execute_many("DELETE FROM reservations WHERE id = ?", [[row.id] for row in rows if row.reserved])


def _parts(rows: Sequence[Row], size: int = 500) -> Iterator[Sequence[Row]]:
    """Yield the rows in parts, as a statement takes a limited number of values."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _values(row: Row) -> list[Any]:
    """Return a row's values in the order of the columns."""
    money = [None if nano is None else nano / NANO for nano in (row.cost, row.cache_savings, row.held)]
    names = [row.id, iso(row.started), row.provider, row.model_asked, row.model, row.host]
    tokens = [row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens, row.reasoning_tokens]
    end = [row.latency_ms, row.stop_reason, row.error_type, row.request_id, int(row.refused)]
    return [*names, *tokens, row.service_tier, *money, *end]


def _totals(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return what the rows add to each hour's totals. A call counts in the hour in which it began."""
    money: Counter[tuple[int, str, str]] = Counter()
    calls: Counter[tuple[int, str, str]] = Counter()
    for row in rows:
        if not row.refused:
            key = (int(row.started // 3600), row.provider, row.host or "")
            money[key] += row.cost if row.cost is not None else row.held or 0
            calls[key] += 1
    return [(*key, money[key], calls[key]) for key in calls]


@contextmanager
def failures(kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn a driver's exceptions into a `StoreError`.

    Args:
        kinds: The driver's exceptions.
    """
    try:
        yield
    except kinds as error:
        raise StoreError(" ".join(str(error).split())) from error
