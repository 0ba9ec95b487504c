"""Start what runs in production: two replicas, nginx in front of them, and a PostgreSQL; with a fake of the provider."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx2

from mcp_models.servers.core.ledger.target import Target
from mcp_models.servers.streamable_http.token_file import TokenRecord, digest, encoded, new_token
from tests.checkout import ROOT
from tests.money.counting_gemini import CountingGemini
from tests.nginx import Nginx
from tests.peer import wait_until
from tests.postgres import PASSWORD, Postgres
from tests.trust.isolation import private_environment

SECONDS = 60


class Replica:
    """A process of `mcp-models serve --http`.

    Args:
        home: An empty folder, for its home and its log.
        variables: Its environment.
        options: Further options of the command.
    """

    def __init__(self, home: Path, variables: dict[str, str], *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        home.mkdir()
        self._home, self._variables = home, private_environment(home, **variables)
        words = ["serve", "google_ai_studio", "--http", self.address, *options]
        self._command = [sys.executable, "-m", "tests.scale.priced_replica", *words]

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with (self._home / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(self._command, env=self._variables, stderr=errors, cwd=ROOT)
        wait_until(self._is_ready, SECONDS)

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, wait for its end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def log(self) -> str:
        """Return what it has written to stderr."""
        return (self._home / "stderr").read_text()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            return httpx2.get(f"http://{self.address}/readyz", trust_env=False, timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


class Cluster:
    """Two replicas behind nginx, with a PostgreSQL and a fake Gemini that counts. It ends with the context.

    Args:
        folder: An empty folder.
        budget: What all calls together may cost, as in MCP_MODELS_BUDGET.

    Attributes:
        token: The token of a caller.
        target: The ledger, as those who look at it reach it.
    """

    def __init__(self, folder: Path, budget: str = "") -> None:
        self._folder, self._budget, self._stack = folder, budget, ExitStack()
        self.token = new_token()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.database = stack.enter_context(Postgres())
            self.target = Target(self.database.url, is_postgres=True)
            self.fake = stack.enter_context(CountingGemini())
            tokens = self._folder / "tokens.json"
            tokens.write_bytes(encoded({"alice": TokenRecord(digest(self.token), "2026-11-26")}))
            variables = {
                **self.fake.environment(),
                "MODEL_DEFAULT": self.fake.model,
                "MCP_MODELS_LEDGER": self.database.url.replace(f":{PASSWORD}", ""),
                "PGPASSWORD": PASSWORD,  # as in deploy/
                "MCP_MODELS_BUDGET": self._budget,
            }
            public = "https://models.example.com"
            options = ["--url", public, "--allow-host", "127.0.0.1", "--tokens", str(tokens), "--drain", "30"]
            self.replicas = [Replica(self._folder / name, variables, *options) for name in ("a", "b")]
            for replica in self.replicas:
                stack.callback(self._clean_up, replica)
                replica.start()
            self.nginx = stack.enter_context(Nginx([replica.address for replica in self.replicas]))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def processes(self) -> int:
        """Return how many processes have left rows in the ledger: each id has the process's own part."""
        ((count,),) = self.database.query("SELECT COUNT(DISTINCT SPLIT_PART(id, '-', 2)) FROM mcp_models.calls")
        return int(count)

    @staticmethod
    def _clean_up(replica: Replica) -> None:
        process = getattr(replica, "process", None)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(SECONDS)
