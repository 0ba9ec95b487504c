"""The long-running process: it is replaced before it gets old, ended when idle, and never waited for without a limit."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.codex import Codex, app_server
from mcp_models.servers.codex import login as logins
from mcp_models.servers.codex.login import Login
from mcp_models.servers.core import errors
from mcp_models.servers.core.completion import Completion, CompletionRequest
from mcp_models.servers.openai_mcp_server import OpenAI
from tests.fakes import chatgpt as fakes
from tests.fakes.chatgpt import FakeChatGPT
from tests.peer import wait_until
from tests.servers.codex.test_engines import alive, family

pytestmark = pytest.mark.slow  # these run the real codex, which waits at times

# A fake codex that answers everything before a turn, and then does what its first argument says.
STUBBORN = """
import json, sys
what, arguments = sys.argv[1], sys.argv[2:]
if arguments == ["--version"]:
    print("codex-cli 0.169.0")
elif arguments[0] == "debug":
    print('{"models": [{"slug": "m", "visibility": "list"}]}')
elif arguments[0] == "login":
    print("Logged in using ChatGPT")
else:
    for line in sys.stdin:
        message = json.loads(line)
        results = {"initialize": {}, "thread/start": {"thread": {"id": "t"}}, "turn/start": {"turn": {"id": "u"}}}
        if what == "mute" or message.get("method") not in results:
            continue
        print(json.dumps({"id": message["id"], "result": results[message["method"]]}), flush=True)
        if message["method"] == "turn/start" and what == "asks":
            asking = {"id": 7, "method": "item/commandExecution/requestApproval", "params": {"threadId": "t"}}
            print(json.dumps(asking), flush=True)
            reply = json.loads(sys.stdin.readline())
            said = {"type": "agentMessage", "id": "i", "text": json.dumps(reply)}
            for method, params in (
                ("item/completed", {"threadId": "t", "item": said}),
                ("turn/completed", {"threadId": "t", "turn": {"id": "u", "status": "completed"}}),
            ):
                print("noise that is not JSON", json.dumps({"method": method, "params": params}), sep="\\n", flush=True)
"""


def the_login(path: Path) -> Login:
    found = logins.read(path)
    assert isinstance(found, Login)
    return found


async def ask(codex: Codex, login: Login, model: str = "gpt-6.1-sol") -> Completion:
    return await codex.complete(login, CompletionRequest(prompt="Hello?", model=model), lambda text: None)


@pytest.fixture
async def codex() -> AsyncIterator[Codex]:
    codex = Codex(os.environ)
    yield codex
    await codex.aclose()


others: set[int] = set()


@pytest.fixture(autouse=True)
def remember_other_processes() -> None:
    """Remember the processes that earlier tests have left running, such as the one that servers are forked from."""
    others.clear()
    others.update(family(os.getpid()))


def processes() -> list[int]:
    return [pid for pid in family(os.getpid()) if alive(pid) and pid not in others]


def stubborn(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codex.py").write_text(STUBBORN)
    script = tmp_path / "codex"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S {tmp_path}/codex.py {what} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("OPENAI_CODEX_BIN", str(script))


async def test_one_process_serves_many_turns_until_it_is_replaced(
    chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex: Codex
) -> None:
    monkeypatch.setattr(app_server, "MAX_TURNS", 2)
    login, seen = the_login(tmp_path / "home" / "auth.json"), []
    for _ in range(4):
        await ask(codex, login)
        seen.append(processes()[-1])
    assert seen[0] == seen[1] != seen[2] == seen[3]
    await asyncio.to_thread(wait_until, lambda: not alive(seen[0]), 5)


async def test_an_idle_process_is_given_up(
    chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex: Codex
) -> None:
    monkeypatch.setattr(app_server, "IDLE_SECONDS", 0.01)
    await ask(codex, the_login(tmp_path / "home" / "auth.json"))
    await asyncio.to_thread(wait_until, lambda: not processes(), 5)
    assert (await ask(codex, the_login(tmp_path / "home" / "auth.json"))).auth_mode == "chatgpt"


async def test_another_login_has_another_codex(chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    env = dict(os.environ)
    provider = OpenAI(env)
    request = CompletionRequest(prompt="Hello?", model="gpt-6.1-sol")
    for home in ("home", "other"):
        chatgpt.log_in(tmp_path / home)
        env["CODEX_HOME"] = str(tmp_path / home)
        assert (await provider.complete(request, lambda text: None)).auth_mode == "chatgpt"
    await provider.aclose()


async def test_a_turn_that_is_refused_leaves_the_others_alone(chatgpt: FakeChatGPT, tmp_path: Path, codex: Codex) -> None:
    login = the_login(tmp_path / "home" / "auth.json")
    await ask(codex, login)
    pieces = [*fakes.created(), *fakes.item_added(), *[fakes.delta("x")] * 50, *fakes.finished(fakes.message("slow"))]
    chatgpt.of_model["slow"] = lambda: fakes.of(pieces, pause=app_server.INTERRUPT_SECONDS * 1.3 / 50)
    slow = asyncio.create_task(ask(codex, login, "slow"))
    with pytest.raises(errors.ContextLengthError):
        await codex.complete(login, CompletionRequest(prompt="x" * 1_048_577, model="m"), lambda text: None)
    assert (await slow).text == "slow"


async def test_a_message_of_another_form_than_known_stops_nothing(
    chatgpt: FakeChatGPT, tmp_path: Path, codex: Codex, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    login = the_login(tmp_path / "home" / "auth.json")
    taken = app_server._Running._item_started

    def broken(self: Any, item: dict[str, Any]) -> None:
        taken(self, item)
        raise KeyError("type")

    monkeypatch.setattr(app_server._Running, "_item_started", broken)
    assert (await ask(codex, login)).text == fakes.TEXT
    assert "KeyError" in capsys.readouterr().err


async def test_a_process_that_does_not_answer_is_killed(
    chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex: Codex
) -> None:
    stubborn(tmp_path, "mute", monkeypatch)
    monkeypatch.setattr(app_server, "ANSWER_SECONDS", 0.5)
    with pytest.raises(errors.ProviderError, match=r"did not answer initialize within 0\.5 s"):
        await ask(codex, the_login(tmp_path / "home" / "auth.json"))
    await asyncio.to_thread(wait_until, lambda: not processes(), 5)


async def test_a_turn_that_cannot_be_interrupted_is_killed(
    chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex: Codex
) -> None:
    stubborn(tmp_path, "deaf", monkeypatch)
    monkeypatch.setattr(app_server, "INTERRUPT_SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await ask(codex, the_login(tmp_path / "home" / "auth.json"), model="m")
    await asyncio.to_thread(wait_until, lambda: not processes(), 5)


async def test_what_codex_asks_for_is_never_granted(
    chatgpt: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codex: Codex
) -> None:
    stubborn(tmp_path, "asks", monkeypatch)
    answer = json.loads((await ask(codex, the_login(tmp_path / "home" / "auth.json"), model="m")).text)
    assert answer == {"id": 7, "error": {"code": -32601, "message": "not supported"}}
