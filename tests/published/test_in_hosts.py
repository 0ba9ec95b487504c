"""Real hosts install a published plugin, start its server, and their model gets the answer of a provider's fake."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.presets import FakeGroq
from tests.hosts.models import FakeModel
from tests.hosts.program import Program
from tests.hosts.programs import PROGRAMS
from tests.published.launch import Launcher
from tests.published.product import servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the first run installs the hosts

SECONDS = 120


@dataclass(frozen=True)
class Channel:
    """How a host takes a plugin.

    Attributes:
        install: Returns the arguments of the host's program, a list a command, given the folder with the published forms.
        tool: What the host calls the tool, where it wants to be told that the tool is allowed.
        answers: The file below the home in which it keeps what a person has answered about settings that are no secrets.
    """

    install: Callable[[Path], list[list[str]]]
    tool: str = ""
    answers: str = ""


CHANNELS = {
    "codex": Channel(
        lambda at: [["plugin", "marketplace", "add", str(at / "codex")], ["plugin", "add", "groq@mcp-models"]],
    ),
    "claude-code": Channel(
        lambda at: [["plugin", "marketplace", "add", str(at / "claude-code")], ["plugin", "install", "ask-groq@mcp-models"]],
        tool="mcp__plugin_ask-groq_groq__complete",
    ),
    "gemini": Channel(
        lambda at: [["extensions", "install", str(at / "gemini" / "mcp-models-groq"), "--consent", "--skip-settings"]],
        answers=".gemini/extensions/mcp-models-groq/.env",
    ),
}

WITH_PLUGINS = [program for program in PROGRAMS if program.host in CHANNELS and not program.name]


@pytest.fixture(scope="module", autouse=True)
def downloaded(launcher: Launcher) -> None:
    """uv has downloaded what the server needs: none of these hosts waits for that before it asks its model."""
    (server,) = (server for server in servers() if server.slug == "groq")
    command = [str(launcher.bin / "uvx"), *server.command()[1:4], "--version"]
    subprocess.run(command, env=launcher.environment(), check=True, capture_output=True, timeout=SECONDS)


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq() as fake:
        yield fake


@pytest.mark.parametrize("program", WITH_PLUGINS, ids=lambda program: str(program.host))
def test_a_hosts_model_gets_the_answer_through_the_plugin(
    program: Program, published: Path, launcher: Launcher, groq: FakeGroq, tmp_path: Path
) -> None:
    channel = CHANNELS[program.host]
    with program.model() as model:
        program.set_up(tmp_path, model.url, has_file=True)
        environment = {
            **program.environment(tmp_path, model.url),
            "PATH": f"{launcher.bin}:{os.environ['PATH']}",
            **groq.environment(),  # as in the shell of a person who has set a key
        }
        for words in channel.install(published):
            run([str(program.program()), *words], environment, tmp_path)
        if channel.answers:
            (tmp_path / channel.answers).write_text(f"GROQ_BASE_URL={environment.pop('GROQ_BASE_URL')}\n", encoding="utf-8")
        command = [channel.tool if word.startswith("mcp__") else word for word in program.command()]
        said = run(command, environment, tmp_path)
        check(model, groq, said)


def run(command: list[str], environment: dict[str, str], home: Path) -> str:
    done = subprocess.run(
        command, env=environment, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.returncode == 0, said
    return said


def check(model: FakeModel, groq: FakeGroq, said: str) -> None:
    assert any("Hello from the fake." in result for result in model.results), f"{said} offered: {model.offered}"
    assert any(groq.key in value for value in groq.requests[-1].headers.values())
