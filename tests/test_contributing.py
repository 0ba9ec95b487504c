"""CONTRIBUTING.md: its example of a provider, followed step by step in a copy of the checkout."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.checkout import ROOT, copy_checkout, network_environment

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = TEXT[TEXT.index("## Add a provider") : TEXT.index("## How the code reads")]
ADDITION = re.compile(r"In `([^`]+)`,\s+below `([^`]+)`, add:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```console\n(.*?)```", re.DOTALL)


def steps() -> list[str | tuple[str, str, str]]:
    """Return the commands, and the additions as file, line and text, in the order of the page."""
    found: list[tuple[int, str | tuple[str, str, str]]] = []
    for match in ADDITION.finditer(EXAMPLE):
        found.append((match.start(), (match[1], match[2], match[3])))
    for match in COMMANDS.finditer(EXAMPLE):
        found += [(match.start(), line.removeprefix("$ ")) for line in match[1].splitlines()]
    return [step for _, step in sorted(found, key=lambda pair: pair[0])]


def add(folder: Path, name: str, line: str, text: str) -> None:
    """Put a text below the only line of a file that reads so."""
    lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
    positions = [number for number, found in enumerate(lines) if found.rstrip("\n") == line]
    assert len(positions) == 1, f"{name} has {len(positions)} lines {line!r}"
    lines.insert(positions[0] + 1, text)
    (folder / name).write_text("".join(lines), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)  # the copy sets itself up
def test_the_example_of_a_provider_can_be_followed(tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path)
    assert len(steps()) > 10
    for step in steps():
        if isinstance(step, tuple):
            add(folder, *step)
            continue
        done = subprocess.run(
            step, shell=True, cwd=folder, env=network_environment(), capture_output=True, text=True, timeout=600
        )
        written = "was missing and has been written" in done.stdout
        assert done.returncode == 0 or written, f"{step}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    said = subprocess.run(
        ["bash", "run_with_env.sh", "acme-mcp-server"],
        input='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"complete","arguments":{"prompt":"Hello"}}}\n',
        cwd=folder,
        env=network_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "ACME_API_KEY is not set: get one from Acme." in said.stdout
