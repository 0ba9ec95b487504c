"""Visit one host: install our server, run the host, check how far the tool's answer came, and clean up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_models.client.hosts import edits
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.table import HOSTS
from tests.checkout import ROOT
from tests.hosts.models import PROMPT, FakeModel
from tests.hosts.program import Program
from tests.hosts.recording import answered, listed, protocol, recording_interpreter

SECONDS = 120

# Run a command of ours as if the interpreter were the recorder, so that this is what is installed.
_INSTALL = "import sys; sys.executable = sys.argv.pop(1); from mcp_models.client.commands import main; main()"

REACHED = {"model": "its model got the answer", "call": "it called the tool", "list": "it listed the tools"}


@dataclass(frozen=True)
class Visit:
    """What came of a visit.

    Attributes:
        host: The host's title.
        version: What it says of its version.
        protocol: The protocol version that it agreed on with our server.
        reached: How far it came.
        seconds: From its start until it had come there.
        command: The command that was run, without the paths of this machine.
    """

    host: str
    version: str
    protocol: str
    reached: str
    seconds: float
    command: str


def visit(program: Program, home: Path, *, has_file: bool = True, interpreter: tuple[Path, Path] | None = None) -> Visit:
    """Visit a host in a private home, and return what came of it.

    Args:
        program: The host's program.
        home: An empty folder.
        has_file: Whether the file that we edit is there before.
        interpreter: What to install as the interpreter, and the file of the lines that it keeps. None means a recording one.

    Raises:
        AssertionError: Something was not as it should be.
    """
    host, file = HOSTS[program.host], home / program.file
    with program.model() as model:
        program.set_up(home, model.url, has_file=has_file)
        environment = program.environment(home, model.url)
        before = file.read_bytes() if file.exists() else None
        python, log = interpreter or recording_interpreter(home)
        options = ["--project"] if program.project else []
        ours(python, environment, "install", *options, host.name, "echo")
        assert "echo" in edits.servers(host, file.read_text(encoding="utf-8"))
        seconds = _run(program, environment, home, model, log)
        ours(python, environment, "uninstall", *options, host.name, "echo")
        _check_cleaned(program, host, file, before)
        version, shown = program.version(environment, home), " ".join(map(_shown, program.command()))
        return Visit(program.title, version, protocol(log), REACHED[program.reach], seconds, shown)


def _run(program: Program, environment: Mapping[str, str], home: Path, model: FakeModel, log: Path) -> float:
    """Run a host, and return how many seconds it took to come as far as it should.

    Raises:
        AssertionError: It did not come there.
    """
    started = time.monotonic()
    done = run_host(program, environment, home)
    said = f"exit code {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]} offered: {model.offered}"
    if program.reach == "model":
        assert model.finished is not None, f"{program.title} sent its model no result, {said}"
        assert any(PROMPT in result for result in model.results), model.results
        return model.finished - started
    assert done.returncode == 0, said
    moment, expected = (answered(log, PROMPT), PROMPT) if program.reach == "call" else (listed(log, "complete"), "complete")
    assert expected in done.stdout, said
    return moment - started


def run_host(
    program: Program, environment: Mapping[str, str], home: Path, seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a host's own command line to its end, and return what came of it.

    Args:
        program: The host's program.
        environment: All its variables.
        home: The folder to run it in.
        seconds: How many seconds it may take.
    """
    return subprocess.run(
        program.command(),
        env=dict(environment),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def ours(interpreter: Path, environment: Mapping[str, str], *words: str) -> None:
    """Run a command of ours as the user of a host does, with an interpreter that keeps the lines that pass.

    Raises:
        AssertionError: It failed.
    """
    command = [sys.executable, "-c", _INSTALL, str(interpreter), *words]
    folder = environment["HOME"]
    done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr


def _shown(word: str) -> str:
    """Return a word of a command without the folders of this machine, and in quotes if it needs them."""
    if os.path.isabs(word):
        path = Path(word)
        word = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) and ".venv" not in path.parts else path.name
    return f'"{word}"' if " " in word else word


def _check_cleaned(program: Program, host: Host, file: Path, before: bytes | None) -> None:
    """Check that the host's file is as before, to the byte, unless the host itself has written to it meanwhile."""
    after = file.read_bytes() if file.exists() else None
    if program.writes_its_file:
        assert after is None or "echo" not in edits.servers(host, after.decode())
    elif before is None and program.adds:
        assert after is not None
        assert set(edits.editor(host).load(after.decode())) == program.adds
    else:
        assert after == before
