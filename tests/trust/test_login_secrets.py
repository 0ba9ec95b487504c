"""Secrets: no token of a ChatGPT login leaves the server, by its results, its log or the arguments of its programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcp_models.servers.core.redaction import REDACTED
from tests.chatgpt import settings
from tests.client.commands.run import run
from tests.fakes import chatgpt
from tests.fakes.chatgpt import FakeChatGPT
from tests.fakes.endpoint import Reply, json_reply
from tests.peer import call
from tests.trust.canaries import Search
from tests.trust.scene import RecordingPeer

TRIES = 20
"""More than codex's own retries of a request."""

TOKENS = ("access_token", "id_token", "refresh_token")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # the first run installs codex

SAID: dict[str, Callable[[str], Reply]] = {
    "an answer": lambda tokens: chatgpt.stream("Hello"),
    "the model's words": lambda tokens: chatgpt.stream("It is ", tokens[:9], tokens[9:], "."),
    "a request that is invalid": lambda tokens: json_reply({"detail": f"no {tokens}"}, 400),
    "a refusal": lambda tokens: json_reply({"error": {"message": f"Bad token {tokens}"}}, 403),
    "a limit": lambda tokens: json_reply(
        {"error": {"message": tokens, "type": "usage_limit_reached", "plan_type": tokens}}, 429
    ),
}
"""What the service says, given all tokens."""


class Login:
    """A login in a private home, the server that uses it, and the search for its tokens."""

    def __init__(self, fake: FakeChatGPT, home: Path, engine: str) -> None:
        self.fake, self.home = fake, home
        self.environment = {**settings(fake, home), "OPENAI_CODEX_ENGINE": engine, "MCP_MODELS_LOG": "debug"}
        self.search = Search({})
        self.log_in()

    def log_in(self, seconds: float = 3600) -> None:
        """Log in, and search for these tokens as well."""
        tokens = json.loads(self.fake.log_in(self.home, seconds).read_text(encoding="utf-8"))["tokens"]
        self.tokens = [tokens[name] for name in TOKENS]
        for name in TOKENS:
            self.search.add(f"{name} {len(self.search.keys)}", tokens[name])

    def ask(self, situation: str, server: RecordingPeer) -> bool:
        """Make a call, search all that left the server, and return whether it failed."""
        server.send(call("c", {"prompt": "x", "timeout": 60}, progressToken="t"))
        while "id" not in (answer := server.read()):
            pass
        self.search.left(f"{situation}, stdout", bytes(server.raw))
        self.search.left(f"{situation}, stderr", server.stderr)
        for process, arguments in _family(server.process.pid):
            self.search.left(f"{situation}, argv of {process}", arguments)
        return bool(answer["result"].get("isError"))


def _family(pid: int) -> Iterator[tuple[int, bytes]]:
    """Return the arguments of a process and of all that it has started, where the system shows them."""
    folder = Path(f"/proc/{pid}")
    if folder.exists():
        yield pid, (folder / "cmdline").read_bytes()
        for child in (folder / "task" / str(pid) / "children").read_text().split():
            yield from _family(int(child))


@pytest.fixture(params=["app-server", "exec"])
def login(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Login]:
    with FakeChatGPT(tmp_path) as fake:
        yield Login(fake, tmp_path / "home", request.param)


def test_no_token_leaves_the_server_whatever_the_service_says(login: Login) -> None:
    with RecordingPeer("openai", env=login.environment, cwd=login.home.parent) as server:
        server.initialize()
        for situation, said in SAID.items():
            login.fake.forget()
            login.fake.script(*(said(" ".join(login.tokens)) for _ in range(TRIES)))
            server.raw.clear()
            assert login.ask(situation, server) is (situation not in ("an answer", "the model's words"))
            assert login.fake.turns
            # Or else nothing would be found because nothing was said.
            assert situation != "the model's words" or server.raw.count(REDACTED.encode()) >= len(TOKENS)
    assert login.search.leaks == []


def test_no_token_is_shown_when_it_cannot_be_renewed(login: Login) -> None:
    login.log_in(seconds=-60)
    login.fake.refuses_refresh = True
    with RecordingPeer("openai", env=login.environment, cwd=login.home.parent) as server:
        server.initialize()
        assert login.ask("a login that has ended", server)
    assert login.fake.refreshes
    assert login.search.leaks == []


def test_no_token_is_shown_by_doctor(login: Login) -> None:
    done = run("doctor", "openai", "--json", env={**os.environ, **login.environment}, cwd=login.home.parent)
    assert '"login"' in done.stdout
    login.search.left("doctor", done.stdout + done.stderr)
    assert login.search.leaks == []
