"""Keep the ledger in a SQLite file, in WAL mode, so that it can be read while others write.

Sources: https://sqlite.org/wal.html (all processes must be on one machine), https://sqlite.org/pragma.html.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mcp_models.servers.core.ledger.schema import SQLITE_WORDS
from mcp_models.servers.core.ledger.store import WAIT_SECONDS, Store, StoreError, failures

MOUNTS = "/proc/self/mounts"

_NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "9p")
_FAILURES = (sqlite3.Error, OSError)


class SQLiteStore(Store):
    """A SQLite file.

    Args:
        path: The file. It is created if there is none, readable by you only.
        create: Whether to create it. If not, it is opened for reading.

    Raises:
        StoreError: The file cannot be used.
    """

    def __init__(self, path: str, create: bool = True) -> None:
        with failures(_FAILURES):
            if on_network_drive(path):
                raise StoreError(
                    "it is on a network drive, where SQLite cannot keep it safe: name a local file or a PostgreSQL"
                )
            if create:
                os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            elif not os.path.exists(path):
                raise StoreError("there is none yet")
            self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            with failures(_FAILURES):
                self._use_wal()
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute("PRAGMA cache_size = -256")  # KiB: each server has a connection
                self.migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement with `?` for values, and return the rows that it gives."""
        with failures(_FAILURES):
            return self._connection.execute(statement, values).fetchall()

    def execute_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Run a statement that gives no rows once for each of several lists of values."""
        with failures(_FAILURES):
            self._connection.executemany(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the one lock for writing, from the start, so that what is read stays true until the end."""
        with failures(_FAILURES):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    def version(self) -> int:
        """Return how many of the schema's steps the file has."""
        ((version,),) = self.execute("PRAGMA user_version")
        return int(version)

    def apply(self, step: str, version: int) -> None:
        """Take a step of the schema and remember its number."""
        for statement in step.format(**SQLITE_WORDS).split(";"):  # `executescript` would end the transaction
            self.execute(statement)
        self.execute(f"PRAGMA user_version = {version}")

    def _use_wal(self) -> None:
        """Switch to WAL. SQLite does not wait for others that do the same at this moment, so try again."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def on_network_drive(path: str) -> bool:
    """Return whether a file is on a network drive, as far as the system tells."""
    path = os.path.realpath(path)
    if sys.platform == "win32":
        import ctypes

        return path.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(os.path.splitdrive(path)[0] + "\\") == 4
    try:
        with open(MOUNTS, encoding="utf-8", errors="replace") as file:
            mounts = [line.split()[1:3] for line in file]
    except OSError:  # not Linux
        return False
    folders = [(folder.replace("\\040", " "), kind) for folder, kind in mounts]
    around = [(folder, kind) for folder, kind in folders if path.startswith(folder.rstrip("/") + "/")]
    return max(around, key=lambda mount: len(mount[0]), default=("", ""))[1].startswith(_NETWORK)
