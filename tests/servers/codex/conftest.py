"""Share what the tests of the ChatGPT login need: the real codex, a fake of ChatGPT, a login, and servers that use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chatgpt import settings
from tests.codex_cli import codex
from tests.fakes.chatgpt import FakeChatGPT
from tests.peer import Peer


@pytest.fixture(scope="session")
def codex_program() -> Path:
    """The pinned codex: the path of npm's launcher."""
    return codex()


@pytest.fixture
def chatgpt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex_program: Path) -> Iterator[FakeChatGPT]:
    """A fake of ChatGPT. The environment leads to it, and to a login in `tmp_path/home`."""
    with FakeChatGPT(tmp_path) as fake:
        for name, value in settings(fake, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        fake.log_in(tmp_path / "home")
        yield fake


@pytest.fixture(params=["app-server", "exec"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of codex's two engines in turn."""
    monkeypatch.setenv("OPENAI_CODEX_ENGINE", request.param)
    return str(request.param)


@pytest.fixture
def server(chatgpt: FakeChatGPT, engine: str) -> Iterator[Peer]:
    """A server that uses the login, with each engine in turn."""
    with Peer("openai") as peer:
        yield peer
