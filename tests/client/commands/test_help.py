"""The help of each command has examples that work, and a shell can complete the command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_models.client.commands.group import COMMANDS
from tests.checkout import BIN, ROOT
from tests.client.commands.run import invoke, run

PAGES = [(), *((name,) for name in COMMANDS), *(("keys", name) for name in ("set", "list", "remove"))]
PAGES += [("tokens", name) for name in ("add", "list", "remove")]


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_each_page_of_help_has_an_example_of_its_own(words: tuple[str, ...]) -> None:
    done = invoke(*words, "--help")
    assert done.exit_code == 0
    text = re.sub(r"\s+", " ", done.stdout)
    assert re.search(rf"Examples?: mcp-models {' '.join(words)}", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_in_the_documents(name: str) -> None:
    pages = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("commands.md", "install.md"))
    assert f"mcp-models {name}" in pages


@pytest.mark.skipif(sys.platform == "win32", reason="click completes in shells of POSIX")
@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("mcp-models do", {"doctor"}),
        ("mcp-models install claude-", {"claude-code", "claude-desktop"}),
        ("mcp-models complete --sch", {"--schema"}),
        ("mcp-models keys re", {"remove"}),
    ],
)
def test_a_shell_completes_commands_hosts_and_options(
    line: str, completions: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_MCP_MODELS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    assert {found.partition(",")[2] for found in run().stdout.splitlines()} == completions


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_documented_line_for_bash_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    line = next(line for line in re.findall(r"`(eval .*?)`", page) if "bash" in line)
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{line}; complete -p mcp-models"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "_mcp_models_completion" in done.stdout, done.stderr
