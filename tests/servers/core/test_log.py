"""The log: what it tells of a call, what it never tells, and that nobody pays for it who has not asked."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from mcp_models.client import EchoMCPModel, OpenAIModel
from tests.checkout import unmeasured_environment
from tests.fakes.openai import TEXT, FakeOpenAI
from tests.peer import Peer, call

PROMPT = "a secret plan"


def log_of(level: str, *messages: dict[str, object], server: str = "echo", **env: str) -> str:
    """Return what a server writes to stderr."""
    with Peer(server, env={**os.environ, "MCP_MODELS_LOG": level, **env}) as peer:
        for message in messages:
            peer.ask(message)
        peer.close_stdin()
        peer.exit_code()
    return peer.stderr.decode()


def test_debug_tells_of_a_call_its_tool_model_and_sizes() -> None:
    said = log_of("debug", call(1, {"prompt": PROMPT, "system": "Be brief."}))
    assert "mcp_models DEBUG echo: call of complete, model echo, 1 messages, 22 characters" in said
    assert "DEBUG echo: model echo answered after " in said
    assert "end_turn, 3 tokens in, 3 out, request None" in said


def test_neither_the_prompt_nor_the_answer_nor_the_key_is_in_it(openai: FakeOpenAI) -> None:
    key = openai.environment()["OPENAI_API_KEY"]
    said = log_of("debug", call(1, {"prompt": PROMPT, "model": f"gpt-{key}"}), server="openai")
    assert "call of complete, model gpt-" in said
    assert PROMPT not in said
    assert TEXT not in said
    assert key not in said


def test_info_tells_of_what_failed_alone() -> None:
    said = log_of("info", call(1, {"prompt": PROMPT}), call(2, {"prompt": PROMPT, "max_tokens": 0}))
    (line,) = said.splitlines()
    assert line.endswith("INFO echo: call of complete failed: invalid_request, status None, request None")


def test_an_unknown_level_is_ignored_and_said() -> None:
    assert log_of("loud", call(1, {"prompt": PROMPT})).splitlines() == [
        "MCP_MODELS_LOG is ignored: expected debug, info, warning."
    ]


def test_without_it_a_server_says_nothing() -> None:
    assert log_of("", call(1, {"prompt": PROMPT, "max_tokens": 0})) == ""


def test_the_bridge_shows_its_servers_log(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LOG", "debug")
    with EchoMCPModel() as model:
        model.call(PROMPT)
    said = capfd.readouterr().err
    assert "echo: call of complete" in said
    assert PROMPT not in said


def test_in_this_process_it_goes_where_the_program_sends_it(openai: FakeOpenAI, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "mcp_models"), OpenAIModel() as model:
        model.call(PROMPT)
    assert any("call of complete" in record.message for record in caplog.records)
    assert all(record.name != "mcp_models" or PROMPT not in record.message for record in caplog.records)


def test_nothing_is_imported_for_it_before_the_handshake() -> None:
    code = (
        "import sys, mcp_models.servers.echo_mcp_server, mcp_models.client.stderr_tail;"
        "print([name for name in ('logging', 'mcp_models.servers.core.log') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=unmeasured_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
