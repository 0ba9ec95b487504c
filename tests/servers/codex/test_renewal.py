"""A login that has to be renewed: this happens once, however many calls need it, and the error is clear if it fails."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.chatgpt import TEXT, FakeChatGPT
from tests.peer import Peer, call, wait_until
from tests.servers.contract import ask_again

pytestmark = pytest.mark.slow  # these run the real codex, which waits at times

CALLS = 20


def texts(server: Peer, count: int) -> list[str]:
    return [server.read(60)["result"]["content"][0]["text"] for _ in range(count)]


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_many_calls_at_once_renew_a_login_once(server: Peer, chatgpt: FakeChatGPT, tmp_path: Path, how: str) -> None:
    chatgpt.log_in(tmp_path / "home", seconds=-60 if how == "expired" else 3600)
    if how == "revoked":
        chatgpt.revoke()
    chatgpt.refresh_seconds = 0.2
    server.send(*(call(number, {"prompt": "Hello?"}) for number in range(CALLS)))
    assert texts(server, CALLS) == [TEXT] * CALLS
    assert len(chatgpt.refreshes) == 1


def test_many_servers_at_once_renew_a_login_once(chatgpt: FakeChatGPT, engine: str, tmp_path: Path) -> None:
    chatgpt.log_in(tmp_path / "home", seconds=-60)
    chatgpt.refresh_seconds = 0.2
    with ExitStack() as stack:
        servers = [stack.enter_context(Peer("openai")) for _ in range(3)]
        for server in servers:
            server.send(*(call(number, {"prompt": "Hello?"}) for number in range(3)))
        assert [texts(server, 3) for server in servers] == [[TEXT] * 3] * 3
    assert len(chatgpt.refreshes) == 1


def test_a_call_that_is_cancelled_while_it_renews_does_not_cost_the_login(
    chatgpt: FakeChatGPT, engine: str, tmp_path: Path
) -> None:
    chatgpt.log_in(tmp_path / "home", seconds=-60)
    chatgpt.refresh_seconds = 1
    with Peer("openai") as one, Peer("openai") as other:
        one.send(call(1, {"prompt": "Hello?"}))
        wait_until(lambda: chatgpt.refreshes)
        other.send(call(1, {"prompt": "Hello?"}))
        one.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        assert texts(other, 1) == [TEXT]
        assert ask_again(one)["text"] == TEXT
    assert len(chatgpt.refreshes) == 1


def test_a_login_renewed_elsewhere_is_taken_up(server: Peer, chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    assert ask_again(server)["text"] == TEXT
    chatgpt.log_in(tmp_path / "home")
    assert ask_again(server)["text"] == TEXT
    assert chatgpt.refreshes == []


def test_the_renewed_login_is_written_where_it_came_from(server: Peer, chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    path = chatgpt.log_in(tmp_path / "home", seconds=-60)
    ask_again(server)
    assert json.loads(path.read_text())["tokens"]["access_token"] == chatgpt.access_token
    assert not path.is_symlink()


@pytest.mark.parametrize("seconds", [-60, 3600])
def test_a_login_that_cannot_be_renewed_names_the_command(
    server: Peer, chatgpt: FakeChatGPT, tmp_path: Path, seconds: int
) -> None:
    chatgpt.log_in(tmp_path / "home", seconds)
    chatgpt.refuses_refresh = chatgpt.refuses_tokens = True
    record = ask_again(server)
    assert (record["type"], record["retryable"]) == ("authentication", False)
    assert f"CODEX_HOME={tmp_path / 'home'} codex login" in record["text"]
    chatgpt.forget()
    chatgpt.log_in(tmp_path / "home")
    assert ask_again(server)["text"] == TEXT


def test_no_token_is_ever_shown(chatgpt: FakeChatGPT, engine: str, tmp_path: Path) -> None:
    tokens = json.loads((tmp_path / "home" / "auth.json").read_text())["tokens"]
    shown: list[Any] = []
    with Peer("openai") as server:
        for name in ("access_token", "refresh_token", "id_token"):
            chatgpt.script(*[_quoting(tokens[name])] * 9)
            shown.append(ask_again(server))
        assert [record["type"] for record in shown] == ["invalid_request"] * 3
        said = json.dumps(shown) + server.stderr.decode()
    assert not [name for name, token in tokens.items() if name != "account_id" and token in said]
    assert "[redacted]" in said


def _quoting(secret: str) -> Any:
    from tests.fakes.endpoint import json_reply

    return json_reply({"error": {"message": f"What is {secret}?", "type": "invalid_request_error"}}, 400)
