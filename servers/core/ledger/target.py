"""Read MCP_MODELS_LEDGER: where the ledger is."""

from __future__ import annotations

import os

from msgspec import Struct

from mcp_models.servers.core import redaction
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.settings import LEDGER_VARIABLE
from mcp_models.servers.core.user_folders import state_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.servers.core.ledger.store import Store
    from mcp_models.servers.core.settings import Environment

OFF = "off"
FILE_NAME = "ledger.sqlite3"

_POSTGRES = ("postgresql://", "postgres://")


class Target(Struct, frozen=True):
    """Where the ledger is.

    Attributes:
        place: The path of a SQLite file, or the address of a PostgreSQL, which may hold a password.
        is_postgres: Which of the two it is.
    """

    place: str
    is_postgres: bool

    def __str__(self) -> str:
        """Return the place for people, without a password."""
        return redaction.redact(self.place.partition("?")[0]) if self.is_postgres else self.place

    def __repr__(self) -> str:
        return f"Target({self})"

    def pending_folder(self) -> str:
        """Return the folder for rows that are not in the database yet."""
        if not self.is_postgres:
            return f"{self.place}.pending"
        import hashlib

        return os.path.join(state_folder(), f"postgres-{hashlib.sha256(self.place.encode()).hexdigest()[:16]}.pending")

    def open(self) -> Store:
        """Connect to the database and bring its schema to the newest version. Import what that needs.

        Raises:
            StoreError: The database cannot be used.
        """
        if not self.is_postgres:
            from mcp_models.servers.core.ledger.sqlite_store import SQLiteStore

            return SQLiteStore(self.place)
        try:
            from mcp_models.servers.core.ledger.postgres_store import PostgresStore
        except ImportError as error:
            from mcp_models.servers.core.ledger.store import StoreError

            raise StoreError('psycopg is missing: run `pip install "mcp-models[postgres]"`') from error
        return PostgresStore(self.place)


def ledger_target(env: Environment) -> Target | None:
    """Return where the ledger is, or None if it is switched off.

    Raises:
        ConfigurationError: MCP_MODELS_LEDGER is neither a file, nor a PostgreSQL, nor `off`.
    """
    text = env.get(LEDGER_VARIABLE, "").strip()
    if text.lower() == OFF:
        return None
    if text.startswith(_POSTGRES):
        _protect_password(text)
        return Target(text, is_postgres=True)
    if "://" in text:
        raise ConfigurationError(f"{LEDGER_VARIABLE}: expected the path of a file, postgresql://…, or {OFF}.")
    if not text:
        return Target(os.path.join(state_folder(), FILE_NAME), is_postgres=False)
    return Target(os.path.abspath(os.path.expanduser(text)), is_postgres=False)


def _protect_password(url: str) -> None:
    from urllib.parse import parse_qs, unquote, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return
    for secret in (parts.password or "", *parse_qs(parts.query).get("password", [])):
        redaction.protect(secret)
        redaction.protect(unquote(secret))
