"""Shims on PATH that start codex, as version managers install them: everything meant for codex gets through."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import pytest

from mcp_models.servers.codex import program
from tests.fakes import chatgpt as fakes
from tests.fakes.chatgpt import FakeChatGPT, messages
from tests.peer import Peer, wait_until
from tests.servers.codex.test_engines import SCHEMA, alive, begin, family
from tests.servers.contract import ask_again

pytestmark = pytest.mark.slow

SHIMS = {
    "a shell script that becomes it": '#!/bin/sh\nexec node {launcher} "$@"\n',
    "a shell script that starts it": '#!/bin/sh\nnode {launcher} "$@"\nexit $?\n',
    "a node script": """#!/usr/bin/env node
const codex = require("node:child_process").spawn("{native}", process.argv.slice(2), {{ stdio: "inherit" }});
codex.on("exit", (code) => process.exit(code ?? 1));
""",
    "a dispatcher": """#!/bin/sh
case "$0" in */codex) exec node {launcher} "$@";; *) echo "no such tool: $0" >&2; exit 1;; esac
""",
}

# Acts like a shim with its own namespace, in which the server's memory cannot be read.
SANDBOX = """#!/bin/sh
case "$*" in *model_instructions_file*/proc/*) echo "Error: failed to read model instructions file $*" >&2; exit 1;; esac
case "$*" in *--output-schema\\ /proc/*) echo "Failed to read output schema file $*" >&2; exit 1;; esac
exec node {launcher} "$@"
"""


def write_shim(text: str, folder: Path, codex_program: Path) -> Path:
    """Write a script with another name, and return a link to it called `codex`."""
    launcher = codex_program.resolve()
    folder.mkdir()
    script, shim = folder / "dispatcher", folder / "codex"
    script.write_text(text.format(launcher=launcher, native=program.native(str(launcher))))
    script.chmod(0o755)
    shim.symlink_to(script)
    return shim


def use(text: str, tmp_path: Path, codex_program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers use a script as their codex, with their private homes in `tmp_path`."""
    monkeypatch.setenv("OPENAI_CODEX_BIN", str(write_shim(text, tmp_path / "shims", codex_program)))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture(params=SHIMS)
def shim(
    request: pytest.FixtureRequest,
    chatgpt: FakeChatGPT,
    tmp_path: Path,
    codex_program: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each kind of shim in turn."""
    use(SHIMS[request.param], tmp_path, codex_program, monkeypatch)


@pytest.fixture
def sandbox(chatgpt: FakeChatGPT, tmp_path: Path, codex_program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim that keeps codex from reading the server's memory."""
    use(SANDBOX, tmp_path, codex_program, monkeypatch)
    monkeypatch.setenv("OPENAI_CODEX_ENGINE", "exec")


def files_with(word: bytes, folder: Path) -> list[Path]:
    """Return the files in private homes that contain a word."""
    found = []
    for path in folder.glob("mcp-models-codex-*/**/*"):
        with suppress(OSError):  # it is a folder, or has gone meanwhile
            if word in path.read_bytes():
                found.append(path)
    return found


def cancel(server: Peer) -> None:
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})


def check_that_instructions_and_schema_arrive(server: Peer, chatgpt: FakeChatGPT) -> None:
    for asked in ({"system": "Be brief."}, {"response_schema": SCHEMA}, {"system": "Be “brief”.", "response_schema": SCHEMA}):
        chatgpt.script(fakes.stream('{"a": 1}'))
        record = ask_again(server, **asked)
        assert record["text"] == '{"a": 1}'
        sent = chatgpt.turns[-1]
        assert messages(sent) == [("developer", asked.get("system", "Answer the user.")), ("user", "Hello?")]
        assert sent.body.get("text", {}).get("format", {}).get("schema") == asked.get("response_schema")


def test_instructions_and_schema_arrive(shim: None, server: Peer, chatgpt: FakeChatGPT) -> None:
    check_that_instructions_and_schema_arrive(server, chatgpt)


def test_no_text_is_in_a_file_and_cancelling_leaves_no_process(
    shim: None, server: Peer, chatgpt: FakeChatGPT, engine: str, tmp_path: Path
) -> None:
    below = begin(server, chatgpt, prompt="ZEBRA", system="ZEBRA", response_schema={**SCHEMA, "title": "ZEBRA"})
    assert not files_with(b"ZEBRA", tmp_path)
    cancel(server)
    assert chatgpt.disconnected.wait(2)
    if engine == "exec":
        wait_until(lambda: not any(map(alive, below)), 2)
    assert ask_again(server)["text"] == fakes.TEXT
    below += family(server.process.pid)
    server.close_stdin()
    assert server.exit_code(5) == 0
    wait_until(lambda: not any(map(alive, below)), 1)
    assert not list(tmp_path.glob("mcp-models-codex-*"))


def test_a_server_that_is_killed_leaves_no_process(shim: None, server: Peer, chatgpt: FakeChatGPT) -> None:
    below = begin(server, chatgpt, system="Be brief.")
    server.signal(signal.SIGKILL)
    wait_until(lambda: not any(map(alive, below)), 1)


def test_where_the_servers_memory_cannot_be_read_texts_arrive_in_private_files(sandbox: None, chatgpt: FakeChatGPT) -> None:
    with Peer("openai") as server:
        check_that_instructions_and_schema_arrive(server, chatgpt)


def test_private_files_go_with_the_call(sandbox: None, chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    with Peer("openai") as server:
        begin(server, chatgpt, system="ZEBRA", response_schema={**SCHEMA, "title": "ZEBRA"})
        found = files_with(b"ZEBRA", tmp_path)
        assert [path.stat().st_mode & 0o777 for path in found] == [0o600, 0o600]
        cancel(server)
        wait_until(lambda: not any(path.exists() for path in found), 2)


def test_private_files_go_with_a_server_that_is_killed(sandbox: None, chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    with Peer("openai") as server:
        below = begin(server, chatgpt, system="ZEBRA")
        assert files_with(b"ZEBRA", tmp_path)
        server.signal(signal.SIGKILL)
        wait_until(lambda: not any(map(alive, below)), 1)
        assert not files_with(b"ZEBRA", tmp_path)
