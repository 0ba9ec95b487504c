"""Real hosts use our server, as `mcp-models install` has put it into them, and the file is as before when it is gone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.acceptors import Acceptor
from tests.hosts.__main__ import PAGE
from tests.hosts.clients import call, clients
from tests.hosts.programs import PROGRAMS, Program
from tests.hosts.visit import visit

pytestmark = pytest.mark.timeout(600)  # the first run installs the hosts


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.host))
def test_a_hosts_model_gets_the_answer_of_the_tool(program: Program, tmp_path: Path) -> None:
    found = visit(program, tmp_path)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found.protocol)
    assert re.fullmatch(r"\d+(\.\d+)+", found.version)


@pytest.mark.slow
@pytest.mark.parametrize("client", clients(), ids=lambda client: str(client.name))
def test_an_sdk_gets_the_answer_of_the_tool(client: Acceptor, tmp_path: Path) -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", call(client, tmp_path).protocol)


def test_the_page_has_the_versions_that_are_pinned() -> None:
    pinned = json.loads((Path(__file__).parent / "package.json").read_text(encoding="utf-8"))["dependencies"]
    text = PAGE.read_text(encoding="utf-8")
    assert [version for version in pinned.values() if f"| {version} |" not in text] == []
