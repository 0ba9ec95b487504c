"""Keep the ledger in a PostgreSQL, in a schema of its own, for several machines to share.

Source: https://www.psycopg.org/psycopg3/docs/; https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from mcp_models.servers.core.ledger.schema import POSTGRES_WORDS
from mcp_models.servers.core.ledger.store import WAIT_SECONDS, Store, failures

SCHEMA = "mcp_models"

# A number of our own choice that all writers lock, so that what one of them reads stays true until it has written.
_LOCK = 0x6D63705F6D6F64


class PostgresStore(Store):
    """A PostgreSQL.

    Args:
        url: Its address, `postgresql://…`, with everything that libpq takes.

    Raises:
        StoreError: It cannot be reached or used.
    """

    def __init__(self, url: str) -> None:
        with failures((psycopg.Error,)):
            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=int(WAIT_SECONDS))
        try:
            milliseconds = int(WAIT_SECONDS * 1000)
            for setting in (f"lock_timeout = {milliseconds}", f"statement_timeout = {milliseconds}", f"search_path = {SCHEMA}"):
                self.execute(f"SET {setting}")
            self.migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement with `?` for values, and return the rows that it gives."""
        with failures((psycopg.Error,)):
            cursor = self._connection.execute(_with_percents(statement), values or None)
            return cursor.fetchall() if cursor.description else []

    def execute_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement that gives no rows once for each of several lists of values, in one round trip."""
        with failures((psycopg.Error,)), self._connection.cursor() as cursor:
            cursor.executemany(_with_percents(statement), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold a lock that every writer takes, until the end of the transaction."""
        with failures((psycopg.Error,)), self._connection.transaction():
            self.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield

    def now(self) -> float:
        """Return the time of the database's clock in seconds since 1970."""
        ((seconds,),) = self.execute("SELECT EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())")
        return float(seconds)

    def version(self) -> int:
        """Return how many of the schema's steps the database has."""
        # Not TO_REGCLASS: within a transaction it remembers that there was no table.
        found = self.execute(f"SELECT 1 FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename = 'schema_version'")
        return int(self.execute("SELECT version FROM schema_version")[0][0]) if found else 0

    def apply(self, step: str, version: int) -> None:
        """Take a step of the schema and remember its number."""
        if version == 1:
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            self.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            self.execute("INSERT INTO schema_version VALUES (0)")
        self.execute(step.format(**POSTGRES_WORDS))
        self.execute("UPDATE schema_version SET version = ?", [version])


def _with_percents(statement: str) -> Any:
    """Return a statement with psycopg's `%s` in place of `?`."""
    return statement.replace("?", "%s")
