"""`mcp-models doctor` and the ChatGPT login: each broken set-up is named with its cure, and one that works is shown as such."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chatgpt import settings
from tests.client.doctor.test_doctor import findings, problem
from tests.fakes.chatgpt import FakeChatGPT
from tests.fakes.openai import FakeOpenAI


@pytest.fixture
def wants_login(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", "true")


def test_codex_is_missing(wants_login: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CODEX_BIN", "/nowhere/codex")
    check, said, cure = problem("openai")
    assert check == "login"
    assert "/nowhere/codex" in said
    assert "npm install -g @openai/codex" in cure


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for codex is a script of sh")
@pytest.mark.parametrize(
    ("version", "reason", "cure"),
    [
        ("0.9.0", "too old", "npm install -g @openai/codex"),
        ("0.169.0", "no ChatGPT login was found", "run `codex login`"),
    ],
    ids=["codex is too old", "nobody has logged in"],
)
def test_codex_cannot_be_used(
    version: str, reason: str, cure: str, wants_login: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "codex-that-says-its-version"
    program.write_text(f"#!/bin/sh\necho codex-cli {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("OPENAI_CODEX_BIN", str(program))
    check, said, advice = problem("openai")
    assert check == "login"
    assert reason in said
    assert cure in advice


@pytest.fixture
def logged_in(
    wants_login: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeChatGPT]:
    """The real codex with a private home, and a fake of ChatGPT."""
    with FakeChatGPT(tmp_path_factory.mktemp("tls")) as fake:
        for name, value in settings(fake, tmp_path / "codex").items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.mark.slow
@pytest.mark.timeout(300)  # the first run installs codex
def test_a_login_that_works_is_named_and_none_of_its_tokens_shown(logged_in: FakeChatGPT, tmp_path: Path) -> None:
    path = logged_in.log_in(tmp_path / "codex")
    (found,) = [finding for finding in findings("openai") if finding["check"] == "login"]
    assert found["mark"] == "ok", found
    assert re.fullmatch(rf"codex-cli \d+\.\d+\.\d+, logged in with {re.escape(str(path))}", found["said"])
    tokens = json.loads(path.read_text(encoding="utf-8"))["tokens"]
    shown = json.dumps(found)
    assert [name for name in ("access_token", "id_token", "refresh_token") if tokens[name] in shown] == []
    assert logged_in.requests == []  # nobody was asked
