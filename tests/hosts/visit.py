"""Visit one host: install our server, run the host, check that the tool's answer reached its model, and clean up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mcp_models.client.hosts import edits
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.table import HOSTS
from tests.hosts.models import PROMPT
from tests.hosts.programs import Program
from tests.hosts.recording import protocol, recording_interpreter

SECONDS = 120

# Run a command of ours as if the interpreter were the recorder, so that this is what is installed.
_INSTALL = "import sys; sys.executable = sys.argv.pop(1); from mcp_models.client.commands import main; main()"


@dataclass(frozen=True)
class Visit:
    """What came of a visit.

    Attributes:
        host: The host's title.
        version: What it says of its version.
        protocol: The protocol version that it agreed on with our server.
        seconds: From its start to the tool's result in its model's hands.
        command: The command that was run, without the paths of the private home.
    """

    host: str
    version: str
    protocol: str
    seconds: float
    command: str


def visit(program: Program, home: Path) -> Visit:
    """Visit a host in a private home, and return what came of it.

    Raises:
        AssertionError: Something was not as it should be.
    """
    host = HOSTS[program.host]
    with program.model() as model:
        program.set_up(home, model.url)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PWD": str(home), **program.environment(home, model.url)}
        file = home / program.file
        before = file.read_bytes() if file.exists() else None
        interpreter, log = recording_interpreter(home)
        _ours(interpreter, environment, "install", host.name, "echo")
        assert "echo" in edits.servers(host, file.read_text(encoding="utf-8"))
        command = program.command(home)
        started = time.monotonic()
        done = subprocess.run(
            command, env=environment, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
        said = f"{done.stdout[-1500:]}{done.stderr[-1500:]} offered: {model.offered}"
        assert model.finished is not None, f"{host.title} sent its model no result (exit code {done.returncode}): {said}"
        assert any(PROMPT in result for result in model.results), model.results
        _ours(interpreter, environment, "uninstall", host.name, "echo")
        _check_cleaned(host, file, before, program.writes_its_file)
        shown = " ".join(Path(word).name if os.path.isabs(word) else word for word in command)
        return Visit(host.title, program.version(home), protocol(log), model.finished - started, shown)


def _ours(interpreter: Path, environment: dict[str, str], *words: str) -> None:
    command = [sys.executable, "-c", _INSTALL, str(interpreter), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


def _check_cleaned(host: Host, file: Path, before: bytes | None, writes_its_file: bool) -> None:
    """Check that the host's file is as before: to the byte, unless the host itself has written to it meanwhile."""
    after = file.read_bytes() if file.exists() else None
    if writes_its_file:
        assert after is None or "echo" not in edits.servers(host, after.decode())
    else:
        assert after == before
