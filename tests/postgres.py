"""Start a real PostgreSQL in a folder of its own, on loopback, as a user that is not root."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.peer import wait_until

PASSWORD = "a-made-up-password"
USER = "mcp"
CURE = "PostgreSQL's programs are not installed: `apt-get install postgresql` on Debian"


def programs() -> str | None:
    """Return the folder of `initdb` and `postgres`, or None if they are not installed."""
    folders = [os.path.dirname(shutil.which("initdb") or ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    return next((folder for folder in folders if folder and os.path.exists(os.path.join(folder, "postgres"))), None)


class Postgres:
    """A PostgreSQL that ends with the context.

    Attributes:
        url: Its address, with the password.
    """

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None, CURE
        self._programs = folder
        self._as: dict[str, Any] = {}
        if os.name == "posix" and os.getuid() == 0:  # PostgreSQL refuses root
            self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="mcp-pg-"))
        data, secret = self._home / "data", self._home / "password"
        secret.write_text(PASSWORD)
        if self._as:
            for path in (self._home, secret):
                shutil.chown(path, "nobody", "nogroup")
        ways = [
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            f"--username={USER}",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
        ]
        self._run("initdb", "-D", str(data), *ways)
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = [f"port={self._port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._home}", "fsync=off"]
        words = [word for setting in settings for word in ("-c", setting)]
        with (self._home / "log").open("ab") as log:
            command = [os.path.join(self._programs, "postgres"), "-D", str(self._home / "data"), *words]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._home, **self._as)
        wait_until(self._answers)

    def stop(self) -> None:
        """Stop the server at once, as a crash would, and wait for its end."""
        self._process.send_signal(3)  # SIGQUIT: an immediate shutdown, for which no client is waited
        self._process.wait(20)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement, and return the rows that it gives."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._home / "log").read_text()
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [os.path.join(self._programs, program), *arguments]
        subprocess.run(command, cwd=self._home, check=True, capture_output=True, **self._as)
