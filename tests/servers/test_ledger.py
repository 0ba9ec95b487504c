"""The ledger of a server: who asked what, also when the server is killed, and nothing in the way of the first answer."""

from __future__ import annotations

import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peer import Peer, call, request


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("MCP_MODELS_LEDGER", str(path))
    return path


def rows(ledger: Path, columns: str) -> list[Any]:
    with sqlite3.connect(ledger) as connection:
        found = connection.execute(f"SELECT {columns} FROM calls ORDER BY started_at").fetchall()
    connection.close()
    return found


def hello(client: dict[str, Any]) -> dict[str, Any]:
    return request(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})


def test_who_asked_stands_in_the_ledger_in_both_eras(ledger: Path) -> None:
    with Peer("echo") as server:
        server.ask(hello({"name": "claude-code", "version": "2"}))
        server.ask(call(1, {"prompt": "hi"}))
        server.ask(call(2, {"prompt": "hi"}, modern=True))
        server.ask(hello({"name": 7}))
        server.ask(call(3, {"prompt": "hi"}))
        server.close_stdin()
        assert server.exit_code() == 0
    assert rows(ledger, "provider, host, model") == [
        ("echo", "claude-code", "echo"),
        ("echo", "tests", "echo"),
        ("echo", None, "echo"),
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_is_ended_right_after_its_answer_loses_no_row(number: signal.Signals, ledger: Path) -> None:
    with Peer("echo") as server:
        server.ask(call(1, {"prompt": "hi"}))
        server.signal(number)
        server.exit_code()
    with Peer("echo") as server:
        server.ask(call(1, {"prompt": "hi"}))
        server.close_stdin()
        assert server.exit_code() == 0
    assert len(rows(ledger, "id")) == 2


def test_an_unusable_ledger_costs_a_line_on_stderr_and_no_answer(ledger: Path) -> None:
    ledger.mkdir()
    with Peer("echo") as server:
        for number in range(3):
            assert server.ask(call(number, {"prompt": "hi"}))["result"]["content"][0]["text"] == "hi"
        server.close_stdin()
        assert server.exit_code() == 0
    assert server.stderr.count(b"cannot be written") == 1


PROBE = """
import sys
from mcp_models.servers.core import loop_transport
from mcp_models.servers.echo_mcp_server import main

send = loop_transport.LoopTransport.send

def watch(self, message):
    print(sorted(sys.modules.keys() & {"sqlite3", "psycopg", "genai_prices"}), file=sys.stderr, flush=True)
    send(self, message)

loop_transport.LoopTransport.send = watch
main()
"""


def test_nothing_of_a_database_is_imported_before_the_first_answer(ledger: Path) -> None:
    with Peer(sys.executable, "-c", PROBE) as server:
        server.ask(call(1, {"prompt": "hi"}))
        server.close_stdin()
        assert server.exit_code() == 0
    assert server.stderr.splitlines()[0] == b"[]"
