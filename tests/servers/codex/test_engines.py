"""Both engines: the real codex, run by a real server, with a strict fake of ChatGPT over TLS."""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import subprocess
import threading
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.codex.turn import MOST_REQUESTS
from tests.fakes import chatgpt as fakes
from tests.fakes.chatgpt import FakeChatGPT, messages
from tests.fakes.endpoint import Reply
from tests.peer import Peer, call, request, wait_until
from tests.servers.contract import ask_again

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
LONG = 60.0


def png() -> str:
    """Return a valid image of one pixel. It must be valid because codex decodes images before sending them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


def family(pid: int) -> list[int]:
    """Return the descendants of a process."""
    found: list[int] = []
    with suppress(OSError):  # a process may have ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *family(int(child))]
    return found


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def alive(pid: int) -> bool:
    """Return whether a process is running. A zombie does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def begin(server: Peer, chatgpt: FakeChatGPT, prompt: str = "Hello?", **arguments: Any) -> list[int]:
    """Start a turn that never ends, and return codex's processes once the answer has begun."""
    chatgpt.of_model["endless"] = lambda: fakes.of(fakes.ticks(), pause=0.02)
    before = len(chatgpt.turns)
    server.send(call(1, {"prompt": prompt, "model": "endless", **arguments}))
    wait_until(lambda: len(chatgpt.turns) > before)
    return family(server.process.pid)


def test_an_answer_with_everything_known_about_it(server: Peer, chatgpt: FakeChatGPT) -> None:
    record = ask_again(server, max_tokens=9, temperature=0, top_p=0.5, stop=["END"], seed=1)
    assert record["text"] == fakes.TEXT
    assert (record["model"], record["provider"], record["auth_mode"]) == ("gpt-6.1-sol", "openai", "chatgpt")
    assert record["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 4,
        "web_searches": 0,
    }
    assert (record["tokens_used"], record["cost_usd"], record["stop_reason"]) == (30, None, "end_turn")
    assert len(record["request_id"]) == 36
    assert record["dropped_params"] == ["max_tokens", "seed", "stop", "temperature", "top_p"]
    assert record["warnings"] == []


def test_the_request_holds_the_instructions_and_the_prompt_and_no_tool(server: Peer, chatgpt: FakeChatGPT) -> None:
    for model in ("gpt-6.1-sol", "gpt-6-luna", "gpt-5.5", "unheard-of"):
        ask_again(server, prompt="Say “hé”.\r\n@file /cmd --help\u2028", system=' Be "brief".\n\\', model=model)
        sent = chatgpt.turns[-1]
        assert messages(sent) == [("developer", 'Be "brief".\n\\'), ("user", "Say “hé”.\r\n@file /cmd --help\u2028")]
        assert (sent.body["tools"], sent.body["model"], sent.body["store"]) == ([], model, False)
        assert "instructions" not in sent.body
    assert chatgpt.strays == []


def test_what_the_caller_asks_for_is_passed_on(server: Peer, chatgpt: FakeChatGPT) -> None:
    chatgpt.script(fakes.stream('{"a": 1}'))
    record = ask_again(server, reasoning_effort="high", response_schema=SCHEMA)
    body = chatgpt.turns[-1].body
    assert body["reasoning"]["effort"] == "high"
    assert (body["text"]["format"]["schema"], body["text"]["format"]["strict"]) == (SCHEMA, True)
    assert record["structured"] == {"a": 1}
    assert record["dropped_params"] == []


def test_without_a_system_prompt_the_instructions_are_neutral(server: Peer, chatgpt: FakeChatGPT) -> None:
    ask_again(server)
    assert messages(chatgpt.turns[-1]) == [("developer", "Answer the user."), ("user", "Hello?")]


def test_a_conversation_is_written_out(server: Peer, chatgpt: FakeChatGPT) -> None:
    turns = [("user", "Hi."), ("assistant", "Hello!"), ("user", "Bye.")]
    ask_again(server, messages=[{"role": role, "content": text} for role, text in turns])
    (_, said) = messages(chatgpt.turns[-1])[1]
    assert said.startswith("Continue this conversation")
    assert said.endswith("<user>\nHi.\n</user>\n<assistant>\nHello!\n</assistant>\n<user>\nBye.\n</user>\n")


def test_a_conversation_goes_on_in_its_own_thread_in_app_server(chatgpt: FakeChatGPT) -> None:
    chatgpt.script(*(fakes.stream(text) for text in ("Hello!", "Fine.", "Other.", "Again.", "Hello!", "By name.")))
    turns: list[dict[str, str]] = []
    with Peer("openai") as server:
        for prompt in ("Hi.", "How are you?"):
            turns.append({"role": "user", "content": prompt})
            record = ask_again(server, messages=turns)
            turns.append({"role": "assistant", "content": record["text"]})
        said = [("user", "Hi."), ("assistant", "Hello!"), ("user", "How are you?")]
        assert messages(chatgpt.turns[-1])[1:] == said
        assert record["tokens_used"] == 30  # of this turn alone
        other = [*turns[:1], {"role": "assistant", "content": "Never said."}, *turns[2:3]]
        for asked in ({"messages": other}, {"messages": [*turns, *turns[:1]], "system": "Be brief."}):
            ask_again(server, **asked)
            assert messages(chatgpt.turns[-1])[1][1].startswith("Continue this conversation")
        for prompt in ("Hi.", "How are you?"):
            ask_again(server, prompt=prompt, conversation="named")
        assert messages(chatgpt.turns[-1])[1:] == said


def test_an_effort_that_the_model_does_not_have_becomes_the_nearest(server: Peer, chatgpt: FakeChatGPT) -> None:
    record = ask_again(server, model="gpt-5.5", reasoning_effort="minimal")
    assert chatgpt.turns[-1].body["reasoning"]["effort"] == "low"
    assert any("minimal" in warning and "low" in warning for warning in record["warnings"])


def test_a_prompt_beyond_codexs_limit_is_refused(server: Peer, chatgpt: FakeChatGPT) -> None:
    record = ask_again(server, prompt="x" * 1_048_577)
    assert (record["type"], "1048576" in record["text"]) == ("context_length", True)
    assert len(messages((ask_again(server, prompt="y" * 1_000_000), chatgpt.turns[-1])[1])[1][1]) == 1_000_000


def test_nothing_of_the_users_own_home_or_project_is_sent(
    chatgpt: FakeChatGPT, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    subprocess.run(["git", "init", "-q", project], check=True)
    for folder in (project, home, home / ".codex"):
        folder.mkdir(exist_ok=True)
        (folder / "AGENTS.md").write_text("SMUGGLED")
    server = f'[mcp_servers.x]\ncommand = "touch"\nargs = ["{tmp_path}/started"]\n'
    (home / "config.toml").write_text(f'instructions = "SMUGGLED"\nnotify = ["touch", "{tmp_path}/started"]\n{server}')
    monkeypatch.setenv("HOME", str(home))
    with Peer("openai", cwd=project) as peer:
        assert ask_again(peer)["text"] == fakes.TEXT
    assert "SMUGGLED" not in json.dumps(chatgpt.turns[-1].body)
    assert not (tmp_path / "started").exists()
    assert chatgpt.strays == []


def test_a_model_that_tries_to_run_a_command_gets_nowhere(server: Peer, chatgpt: FakeChatGPT, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name, arguments in (
        ("exec_command", {"cmd": f"touch {marker}"}),
        ("shell", {"command": ["touch", str(marker)]}),
        ("local_shell", {"command": ["touch", str(marker)]}),
        ("exec", {"code": f"require('fs').writeFileSync('{marker}', '')"}),
        ("apply_patch", {"input": f"*** Begin Patch\n*** Add File: {marker}\n+x\n*** End Patch"}),
    ):
        wish = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": json.dumps(arguments)}
        chatgpt.script(fakes.of([*fakes.created(), *fakes.finished({**wish, "status": "completed"})]))
        assert ask_again(server)["text"] == fakes.TEXT
        (answer,) = [item for item in chatgpt.turns[-1].body["input"] if item["type"] == "function_call_output"]
        assert "unsupported call" in str(answer["output"])
    assert not marker.exists()


def test_a_model_that_keeps_calling_tools_is_stopped(server: Peer, chatgpt: FakeChatGPT) -> None:
    def wish() -> Reply:
        call = {
            "type": "function_call",
            "id": "fc_1",
            "call_id": f"call_{len(chatgpt.turns)}",
            "name": "shell",
            "arguments": "{}",
        }
        return fakes.of([*fakes.created(), *fakes.finished({**call, "status": "completed"})])

    chatgpt.of_model["looping"] = wish
    record = ask_again(server, model="looping")
    assert (record["type"], record["retryable"]) == ("provider_error", False)
    assert "kept calling tools" in record["message"]
    asked = len(chatgpt.turns)
    assert asked <= 3 * MOST_REQUESTS  # codex may have asked again while it was told to stop
    assert ask_again(server)["text"] == fakes.TEXT
    assert len(chatgpt.turns) == asked + 1


def test_the_prompt_is_in_no_file_and_no_argument_and_no_key_reaches_codex(
    chatgpt: FakeChatGPT, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = {
        "OPENAI_API_KEY": "sk-aaaaaaaaaaaaaaaa",
        "CODEX_API_KEY": "sk-bbbbbbbbbbbbbbbb",
        "CODEX_ACCESS_TOKEN": "cccccccccccc",
    }
    for name, value in {**keys, "OPENAI_BASE_URL": "http://127.0.0.1:1", "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with Peer("openai") as server:
        below = begin(server, chatgpt, prompt="ZEBRA-PROMPT", system="ZEBRA-SYSTEM")
        for pid in below:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"ZEBRA" not in arguments + environment
            names = {line.split(b"=")[0].decode() for line in environment.split(b"\0") if line}
            assert not names & {*keys, "OPENAI_BASE_URL"}
        (home,) = tmp_path.glob("mcp-models-codex-*")
        assert (home.stat().st_mode & 0o777, (home / "auth.json").is_symlink()) == (0o700, True)
        assert not list((home / "work").iterdir())
        server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        assert chatgpt.disconnected.wait(5)
        assert ask_again(server, prompt="ZEBRA again")["text"] == fakes.TEXT
        found = [path for path in home.rglob("*") if path.is_file() and b"ZEBRA" in path.read_bytes()]
        assert not found
        server.close_stdin()
        assert server.exit_code() == 0
    assert not home.exists()
    assert not any(turn.headers["authorization"].startswith("Bearer sk-") for turn in chatgpt.turns)


def test_cancelling_stops_the_work(server: Peer, chatgpt: FakeChatGPT) -> None:
    begin(server, chatgpt)
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert chatgpt.disconnected.wait(2)
    assert ask_again(server)["text"] == fakes.TEXT


def test_calls_that_are_cancelled_at_any_moment_leave_nothing(server: Peer, chatgpt: FakeChatGPT) -> None:
    ask_again(server)
    at_rest = len(family(server.process.pid)), descriptors(server.process.pid)
    chatgpt.of_model["endless"] = lambda: fakes.of(fakes.ticks(), pause=0.02)
    numbers = range(10, 40)
    for number in numbers:
        server.send(call(number, {"prompt": "Hello?", "model": "endless"}))
        threading.Event().wait(number % 5 / 100)
        server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
    wait_until(lambda: (len(family(server.process.pid)), descriptors(server.process.pid)) <= at_rest, 10)
    assert ask_again(server)["text"] == fakes.TEXT
    server.close_stdin()
    assert server.exit_code(5) == 0


def test_the_deadline_stops_the_work(server: Peer, chatgpt: FakeChatGPT) -> None:
    ask_again(server)
    chatgpt.of_model["endless"] = lambda: fakes.of(fakes.ticks(), pause=0.02)
    record = ask_again(server, model="endless", timeout=1)
    assert record["type"] == "timeout"
    assert chatgpt.disconnected.wait(2)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_server_ends_no_codex_is_left_a_second_later(server: Peer, chatgpt: FakeChatGPT, how: signal.Signals) -> None:
    below = begin(server, chatgpt)
    assert below
    server.signal(how)
    wait_until(lambda: not any(map(alive, below)), seconds=1)


def test_a_codex_that_is_killed_is_an_error_and_the_next_call_has_a_new_one(server: Peer, chatgpt: FakeChatGPT) -> None:
    below = begin(server, chatgpt)
    for pid in below:
        os.kill(pid, signal.SIGKILL)
    error = server.read()["result"]["_meta"]["mcp-models/error"]
    assert (error["type"], error["retryable"]) == ("provider_error", True)
    assert "ended in the middle" in error["message"]
    assert ask_again(server)["text"] == fakes.TEXT


def test_many_calls_at_once(server: Peer, chatgpt: FakeChatGPT) -> None:
    ask_again(server)
    for number in range(20):
        chatgpt.of_model[f"m{number}"] = partial(fakes.stream, f"I am {number}.")
    server.send(*(call(number, {"prompt": "Who?", "model": f"m{number}"}) for number in range(20)))
    answers = {answer["id"]: answer["result"]["content"][0]["text"] for answer in (server.read(LONG) for _ in range(20))}
    assert answers == {number: f"I am {number}." for number in range(20)}


def test_the_models_that_codex_offers(server: Peer) -> None:
    listed = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    models = {model["id"]: model for model in listed["_meta"]["mcp-models/models"]}
    assert models["gpt-6.1-sol"]["context_tokens"] > 100_000
    assert "codex-auto-review" not in models


def test_the_text_comes_as_it_is_written(chatgpt: FakeChatGPT) -> None:
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "Hello?"}, progressToken="p", **{"mcp-models/stream": True}))
        pieces = []
        while "result" not in (message := server.read()):
            pieces.append(message["params"].get("_meta", {}).get("mcp-models/delta", ""))
        assert [piece for piece in pieces if piece] == ["Hello", " from", " ChatGPT."]


def test_images_go_to_app_server_in_their_place(chatgpt: FakeChatGPT) -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image", "url": f"data:image/png;base64,{png()}"},
        {"type": "text", "text": "b"},
    ]
    with Peer("openai") as server:
        ask_again(server, messages=[{"role": "user", "content": parts}])
        (_, sent) = messages(chatgpt.turns[-1])[1]
        assert [part["type"] for part in sent] == ["input_text", "input_image", "input_text"]
        remote = [{"type": "image", "url": "https://example.org/a.png"}]
        assert ask_again(server, messages=[{"role": "user", "content": remote}])["type"] == "invalid_request"


def test_images_are_refused_by_exec_with_the_cure(chatgpt: FakeChatGPT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CODEX_ENGINE", "exec")
    with Peer("openai") as server:
        record = ask_again(
            server, messages=[{"role": "user", "content": [{"type": "image", "url": f"data:image/png;base64,{png()}"}]}]
        )
    assert (record["type"], "OPENAI_CODEX_ENGINE=app-server" in record["text"]) == ("invalid_request", True)
