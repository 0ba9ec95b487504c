"""The README: every command in it is run, and must print what the README shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.presets import PRESETS
from tests.checkout import BIN, ROOT, copy_checkout, network_environment
from tests.peer import Peer

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return each command in the console blocks, with the output shown below it."""
    found = []
    for kind, text in BLOCKS:
        if kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append((command, output))
    return found


def block(kind: str) -> str:
    (text,) = [text for name, text in BLOCKS if name == kind]
    return str(text)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("readme"))


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), commands(), ids=[command for command, _ in commands()])
@pytest.mark.timeout(600)
def test_a_command(command: str, shown: str, checkout: Path) -> None:
    environment = network_environment(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", UV_PYTHON=sys.executable)
    if "pytest" in command:  # the tests are running already, so only check that they could start
        environment["PYTEST_ADDOPTS"] = "--collect-only -q"
    if command.startswith("bash"):
        environment["PYTHON"] = sys.executable
    done = subprocess.run(command, shell=True, cwd=checkout, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    if "pytest" in command:
        assert re.search(r"^\d+(/\d+)? tests collected", done.stdout, re.MULTILINE)
    else:
        assert sorted(map(_comparable, done.stdout.splitlines())) == sorted(map(_comparable, shown.splitlines()))


def _comparable(line: str) -> str:
    return re.sub(r'"latency_ms":\d+', '"latency_ms":0', line)


def test_the_piece_of_python() -> None:
    done = subprocess.run([sys.executable, "-c", block("python")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["Name three colours.", "echo 6 echo"]
    assert len(block("python").strip().splitlines()) == 6


def test_the_hosts_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = json.loads(block("json"))["mcpServers"]["openai"]
    arguments = [argument.replace("/path/to/mcp-models", str(ROOT)) for argument in entry["args"]]
    environment = {**os.environ, **entry["env"], "PYTHON": sys.executable}
    with Peer("/usr/bin/env", entry["command"], *arguments, cwd=tmp_path, env=environment) as server:
        assert server.initialize()["result"]["serverInfo"]["title"] == "OpenAI"


@pytest.mark.parametrize("name", sorted(server_modules().keys() - PRESETS.keys()))
def test_the_table_of_providers(name: str) -> None:
    provider: Any = load_provider(name)
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{name.replace('_', '-')}-mcp-server`")]
    assert f"`{provider.default_model}`" in row


def test_the_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_the_variables_of_the_readme_stand_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in set(re.findall(r"`([A-Z][A-Z_]+_(?:KEY|URL|API|HOST|DEFAULT|TIMEOUT|RETRIES))`", README)):
        assert name in example, name
