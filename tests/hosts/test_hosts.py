"""Real hosts use our server, as `mcp-models install` has put it into them, and the file is as before when it is gone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.acceptors import Acceptor
from tests.hosts.__main__ import PAGE
from tests.hosts.clients import call, clients
from tests.hosts.program import Program, version_in
from tests.hosts.programs import PROGRAMS
from tests.hosts.recording import answered, listed, protocol
from tests.hosts.visit import visit

REVISION = r"20\d\d-\d\d-\d\d"
HERE = Path(__file__).parent

first_run_installs_them = pytest.mark.timeout(600)
each_program = pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=program.title, marks=pytest.mark.skipif(not program.runs_here, reason="not for this platform"))
        for program in PROGRAMS
    ],
)


@pytest.mark.slow
@first_run_installs_them
@each_program
def test_a_host_uses_our_server_and_a_persons_file_is_as_before(program: Program, tmp_path: Path) -> None:
    found = visit(program, tmp_path)
    assert re.fullmatch(REVISION, found.protocol)
    assert re.fullmatch(r"\d+(\.\d+)+(-\w+)?", found.version)


@pytest.mark.slow
@first_run_installs_them
@each_program
def test_a_host_with_an_empty_home_uses_our_server_and_no_file_is_left(program: Program, tmp_path: Path) -> None:
    assert re.fullmatch(REVISION, visit(program, tmp_path, has_file=False).protocol)


@pytest.mark.slow
@first_run_installs_them
@pytest.mark.parametrize("client", clients(), ids=lambda client: str(client.name))
def test_an_sdk_gets_the_answer_of_the_tool(client: Acceptor, tmp_path: Path) -> None:
    assert re.fullmatch(REVISION, call(client, tmp_path).protocol)


def test_the_page_has_all_hosts_and_the_versions_that_are_pinned() -> None:
    package = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    pinned = {**package["dependencies"], **package["optionalDependencies"]}
    versions = [version for name, version in pinned.items() if not name.startswith("node-")]
    versions += [program.pinned() for program in PROGRAMS if program.pinned]
    text = PAGE.read_text(encoding="utf-8")
    assert [version for version in versions if f"| {version} |" not in text] == []
    names = [*(program.title for program in PROGRAMS), *(client.name for client in clients())]
    assert [name for name in names if f"\n| {name} | " not in text] == []


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("codex-cli 0.169.0\n", "0.169.0"),
        ("GitHub Copilot CLI 1.0.102.\nRun 'copilot update' to check for updates.\n", "1.0.102"),
        ("0.0.1790142911-g7618fb (released 2026-09-23T05:55:11.000Z, 2mo ago)\n", "0.0.1790142911-g7618fb"),
        ("2.1.330 (Claude Code)\n", "2.1.330"),
    ],
)
def test_a_version_is_found_in_what_a_program_says(said: str, version: str) -> None:
    assert version_in(said) == version


def _log(folder: Path, *lines: tuple[str, float, object]) -> Path:
    log = folder / "lines.log"
    log.write_text("".join(f"{way} {moment} {json.dumps(message)}\n" for way, moment, message in lines), encoding="utf-8")
    return log


def test_a_recording_tells_when_the_tools_were_listed_and_the_tool_has_answered(tmp_path: Path) -> None:
    log = _log(
        tmp_path,
        (">", 1.0, {"method": "initialize", "params": {"protocolVersion": "2025-06-18"}}),
        ("<", 2.0, {"result": {"protocolVersion": "2025-06-18"}}),
        (">", 3.0, {"method": "tools/call", "params": {"name": "complete", "arguments": {"prompt": "a question"}}}),
        ("<", 4.0, {"result": {"tools": [{"name": "complete"}]}}),
        ("<", 5.0, {"result": {"content": [{"type": "text", "text": "a question"}]}}),
    )
    assert (protocol(log), listed(log, "complete"), answered(log, "a question")) == ("2025-06-18", 4.0, 5.0)


def test_a_recording_without_an_answer_is_an_error(tmp_path: Path) -> None:
    asked = (">", 1.0, {"method": "tools/call", "params": {"arguments": {"prompt": "a question"}}})
    log = _log(tmp_path, asked, ("<", 2.0, {"error": {"code": -32602, "message": "a question"}}))
    with pytest.raises(AssertionError, match="no content with 'a question'"):
        answered(log, "a question")
    with pytest.raises(AssertionError, match="no tools"):
        listed(tmp_path / "no.log", "complete")
