"""Which of OpenAI's two ways answers: a ChatGPT login through the real codex, or an API key. Both services are fakes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.core import errors
from mcp_models.servers.openai_mcp_server import OpenAI
from tests.chatgpt import settings
from tests.fakes import chatgpt as fakes
from tests.fakes.chatgpt import FakeChatGPT
from tests.fakes.endpoint import json_reply
from tests.fakes.openai import TEXT, FakeOpenAI
from tests.peer import Peer
from tests.servers.contract import ask, ask_again

LIMIT = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def chatgpt(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeChatGPT]:
    """A fake of ChatGPT, which the login mode leads to. Nobody is logged in."""
    with FakeChatGPT(tmp_path) as fake:
        for name, value in settings(fake, home).items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture
def logged_in(chatgpt: FakeChatGPT, home: Path) -> FakeChatGPT:
    chatgpt.log_in(home)
    return chatgpt


def used_up(chatgpt: FakeChatGPT) -> None:
    chatgpt.script(json_reply({"error": {**LIMIT}}, 429))


def test_the_login_answers_although_there_is_a_key(logged_in: FakeChatGPT, openai: FakeOpenAI) -> None:
    record = ask("openai")
    assert (record["auth_mode"], record["text"], record["warnings"]) == ("chatgpt", fakes.TEXT, [])
    assert openai.requests == []


@pytest.mark.parametrize("mode", ["false", "0", "", "off"])
def test_a_login_that_was_not_asked_for_is_not_used(
    logged_in: FakeChatGPT, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", mode)
    record = ask("openai", model="gpt-x")
    assert (record["auth_mode"], record["text"], record["warnings"]) == ("api_key", TEXT, [])
    assert logged_in.requests == []


def test_a_mode_that_is_neither_is_an_error(chatgpt: FakeChatGPT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", "maybe")
    assert ask("openai")["text"] == "OpenAI: OPENAI_CHATGPT_LOGIN_MODE: expected true or false, got 'maybe'."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("null", "holds no tokens"),
        ("{}", "holds no tokens"),
        ('{"tokens": null}', "holds no tokens"),
        ('{"tokens": {"access_token": "", "refresh_token": "", "id_token": ""}}', "holds no tokens"),
        ('{"OPENAI_API_KEY": "sk-made-up-0123456789"}', "holds an API key"),
        ('{"tokens": {"access_token": "a", "refresh_token": "b", "id_token": "c"}}', "does not take"),
    ],
)
def test_what_is_no_chatgpt_login_leaves_the_key_to_answer_with_a_warning(
    chatgpt: FakeChatGPT, openai: FakeOpenAI, home: Path, content: str | None, said: str
) -> None:
    home.mkdir()
    if content is not None:
        (home / "auth.json").write_text(content)
    with Peer("openai") as server:
        for _ in range(2):
            record = ask_again(server, model="gpt-x")
            assert (record["auth_mode"], record["text"]) == ("api_key", TEXT)
            assert any("costs money per token" in warning and said in warning for warning in record["warnings"])
    assert "sk-made-up" not in json.dumps(record)
    assert chatgpt.turns == []


def test_a_login_made_while_the_server_runs_is_found(chatgpt: FakeChatGPT, openai: FakeOpenAI, home: Path) -> None:
    with Peer("openai") as server:
        assert ask_again(server, model="gpt-x")["auth_mode"] == "api_key"
        chatgpt.log_in(home)
        assert ask_again(server)["auth_mode"] == "chatgpt"


def test_the_places_where_a_login_is_sought(chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEX_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    chatgpt.log_in(tmp_path / ".codex")
    assert ask("openai")["auth_mode"] == "chatgpt"
    chatgpt.log_in(tmp_path / ".config" / "openai" / "codex-home")  # of the two logins, only this one has valid tokens now
    assert ask("openai")["auth_mode"] == "chatgpt"
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "empty"))
    assert ask("openai")["type"] == "configuration"


@pytest.mark.parametrize("mode", ["true", "false"])
def test_with_neither_both_cures_are_named(chatgpt: FakeChatGPT, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", mode)
    record = ask("openai")
    assert record["type"] == "configuration"
    for cure in ("codex login", "OPENAI_API_KEY"):
        assert cure in record["text"]


def test_a_refused_login_does_not_spend_money_unasked(logged_in: FakeChatGPT, openai: FakeOpenAI) -> None:
    used_up(logged_in)
    record = ask("openai")
    assert (record["type"], "OPENAI_LOGIN_FALLBACK=true" in record["text"]) == ("rate_limit", True)
    assert openai.requests == []


@pytest.mark.parametrize("why", ["used up", "revoked"])
def test_a_refused_login_falls_back_if_that_was_asked_for(
    logged_in: FakeChatGPT, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setenv("OPENAI_LOGIN_FALLBACK", "true")
    if why == "used up":
        used_up(logged_in)
    else:
        logged_in.refuses_tokens = logged_in.refuses_refresh = True
    record = ask("openai", model="gpt-x")
    assert (record["auth_mode"], record["text"]) == ("api_key", TEXT)
    assert any("login was refused" in warning and "costs money per token" in warning for warning in record["warnings"])


def test_a_fallback_asks_for_the_apis_own_default_model(
    logged_in: FakeChatGPT, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_LOGIN_FALLBACK", "true")
    for model, asked in ((None, "gpt-5.2"), ("gpt-6.1-sol", "gpt-6.1-sol")):
        used_up(logged_in)
        assert ask("openai", **({"model": model} if model else {}))["auth_mode"] == "api_key"
        assert openai.requests[-1].body["model"] == asked


def test_without_a_key_there_is_nothing_to_fall_back_to(logged_in: FakeChatGPT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_LOGIN_FALLBACK", "true")
    used_up(logged_in)
    assert ask("openai")["type"] == "rate_limit"


async def test_once_text_has_come_nothing_falls_back(
    logged_in: FakeChatGPT, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp_models.servers.core.completion import CompletionRequest

    monkeypatch.setenv("OPENAI_LOGIN_FALLBACK", "true")
    provider = OpenAI()

    class Codex:
        async def complete(self, login: Any, request: Any, on_text: Any) -> None:
            on_text("Half")
            raise errors.RateLimitError("used up")

    monkeypatch.setattr(provider, "_through_codex", lambda login: Codex())
    with pytest.raises(errors.RateLimitError):
        await provider.complete(CompletionRequest(prompt="Hello?", model="m"), lambda text: None)
    assert openai.requests == []


def test_other_failures_never_fall_back(logged_in: FakeChatGPT, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_LOGIN_FALLBACK", "true")
    logged_in.script(json_reply({"error": {"message": "No such model.", "code": "model_not_found"}}, 404))
    assert ask("openai")["type"] == "model_not_found"
    assert openai.requests == []


def program(folder: Path, text: str) -> str:
    path = folder / "codex"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("OPENAI_CODEX_BIN", "/nowhere/codex", "names /nowhere/codex, which is no program"),
        ("OPENAI_CODEX_BIN", "echo codex-cli 0.99.1", "codex 0.99.1 is too old, 0.169.0 or newer is needed"),
        ("OPENAI_CODEX_BIN", "echo hello", "is no codex"),
        pytest.param("OPENAI_CODEX_BIN", "exec sleep 60", "did not end within", marks=pytest.mark.slow),
        ("OPENAI_CODEX_ENGINE", "warp", "expected app-server or exec, got 'warp'"),
        ("OPENAI_CODEX_CONFIG", "model", "line 1: expected key=value"),
        ("OPENAI_CODEX_CONFIG", 'a.b="c"\nforced_login_method="chatgpt"', "would give up the login"),
        ("OPENAI_CODEX_CONFIG", "web_search=5", "codex refuses OPENAI_CODEX_CONFIG"),
    ],
)
def test_what_is_not_set_up_is_said_with_its_cure(
    logged_in: FakeChatGPT,
    openai: FakeOpenAI,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    setting: str,
    value: str,
    said: str,
) -> None:
    is_script = setting == "OPENAI_CODEX_BIN" and not value.startswith("/")
    monkeypatch.setenv(setting, program(tmp_path, value) if is_script else value)
    record = ask("openai")
    assert record["type"] == "configuration"
    assert said in record["text"]
    if setting == "OPENAI_CODEX_BIN" and "did not end" not in said:
        assert "npm install -g @openai/codex" in record["text"]
    assert openai.requests == []


def test_a_missing_program_is_said_with_its_cure(logged_in: FakeChatGPT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_CODEX_BIN")
    monkeypatch.setenv("PATH", os.path.dirname(os.__file__))
    record = ask("openai")
    assert "`codex`, which the ChatGPT login needs, is not on PATH: run `npm install -g @openai/codex`" in record["text"]


def test_the_models_of_whichever_way_answers(chatgpt: FakeChatGPT, openai: FakeOpenAI, home: Path) -> None:
    from tests.peer import request

    listing = request(1, "tools/call", {"name": "list_models", "arguments": {}})
    with Peer("openai") as server:
        assert "gpt-x" in server.ask(listing)["result"]["content"][0]["text"]
        chatgpt.log_in(home)
        assert "gpt-6.1-sol" in server.ask(listing)["result"]["content"][0]["text"]
