"""Every way in which a server can misbehave: exactly what you get, and how soon, from both `call` and `acall`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client import (
    MCPModel,
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
    model,
)
from tests.checkout import ROOT
from tests.client.left_over import Counts, counts

FOLDER = ROOT / "tests" / "misbehaving"
START = 1.0
"""How many seconds these servers have for the handshake and for a call. It is short, to keep the tests fast."""


@dataclass
class Row:
    """A fault, and what it must lead to.

    Attributes:
        gives: The whole text of the answer, or the exception's class.
        says: What the exception's message must contain.
        within: How many seconds the call and the end of the server may take together.
        code: The exit code in the exception.
    """

    gives: str | type[Exception]
    says: str = ""
    within: float = 1.5
    code: int | None = None


ROWS = {
    "exits_at_once": Row(ServerExitedError, "exit code 3", code=3),
    "exits_with_a_reason": Row(ServerExitedError, "no licence found", code=3),
    "exits_in_the_handshake": Row(ServerExitedError, "exit code 4", code=4),
    "never_initializes": Row(ServerTimeoutError, "no answer to initialize within 1 s", within=START + 1.5),
    "refuses_the_handshake": Row(ServerProtocolError, "go away"),
    "prints_a_banner": Row("hi"),
    "prints_debug_lines": Row(ServerJSONError, "no JSON"),
    "sends_invalid_utf8": Row("a\ufffdb"),
    "sends_no_json": Row(ServerJSONError, "no JSON"),
    "sends_half_a_line": Row(ServerExitedError, "exit code 0", code=0),
    "answers_the_wrong_id": Row(ServerProtocolError, "id 99"),
    "answers_twice": Row("hi"),
    "answers_with_a_wrong_shape": Row(ServerProtocolError, "neither a result nor an error"),
    "answers_without_content": Row(ServerProtocolError, "no `content`"),
    "answers_with_an_array": Row(ServerProtocolError, "no MCP message"),
    "answers_with_an_error": Row(ServerProtocolError, "no such tool"),
    "floods_with_notifications": Row("hi", within=3),
    "sends_a_line_of_50_mb": Row("x" * 50_000_000, within=10),
    "makes_requests_of_its_own": Row("hi"),
    "exits_in_a_call": Row(ServerExitedError, "exit code 5", code=5),
    "is_killed_in_a_call": Row(ServerExitedError, "exit code -9", code=-9),
    "crashes_in_a_call": Row(ServerExitedError, "exit code -11", code=-11),
    "leaves_a_grandchild": Row(ServerExitedError, "exit code 6", code=6),
    "closes_its_stdout": Row(ServerExitedError, "closed its stdout", within=6),
    "ignores_a_closed_stdin": Row("hi", within=4),
    "ignores_sigterm": Row("hi", within=6),
    "answers_after_the_deadline": Row(ServerTimeoutError, "no answer to tools/call within 1 s", within=START + 1.5),
    "is_silent": Row(ServerTimeoutError, "no answer to tools/call within 1 s", within=START + 1.5),
    "fills_stderr": Row("hi", within=3),
    "does_not_read": Row(ServerTimeoutError, "does not read its stdin", within=START + 4),
    "speaks_only_2026_07_28": Row("hi"),
    "speaks_only_2024_11_05": Row("hi"),
    "drops_one_answer_of_many": Row("hi"),
}
LONG = {"sends_a_line_of_50_mb", "ignores_sigterm", "ignores_a_closed_stdin"}
"""Faults whose test takes seconds, or uses the whole machine."""

LARGE = {"does_not_read": "x" * 5_000_000}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[Counts]:
    """Check that every process, thread and descriptor is gone after each test."""
    before = counts()
    yield before
    deadline = time.monotonic() + 5
    while not counts().within(before) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert counts().within(before)


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the bridge wait no longer than a call's own timeout, which these servers do not know."""
    monkeypatch.setattr(model, "GRACE_SECONDS", 0)


def behind(command: Any, **options: Any) -> MCPModel:
    return MCPModel("other", "m", command, timeout=1, start_timeout=START, **options)


def ask(server: MCPModel, face: str, prompt: str = "Hello?") -> Any:
    """Make one call with `call` or `acall`, from starting the model to closing it."""
    if face == "call":
        with_it = server.call(prompt)
        server.close()
        return with_it

    async def acall() -> Any:
        try:
            return await server.acall(prompt)
        finally:
            await asyncio.to_thread(server.close)

    if face == "acall":
        return asyncio.run(acall())
    stream = server.stream(prompt)
    text = "".join(stream)
    server.close()
    assert text == (stream.result["output"] or "")
    return stream.result


def check(row: Row, server: MCPModel, face: str, prompt: str) -> None:
    started = time.monotonic()
    if isinstance(row.gives, str):
        result = ask(server, face, prompt)
        # Do not use == here: if it fails, explaining the difference of 50 MB takes minutes.
        assert len(result["output"]) == len(row.gives)
        assert (result["output"][:99], result["provider"], result["model"]) == (row.gives[:99], "other", "m")
    else:
        with pytest.raises(row.gives) as caught:
            ask(server, face, prompt)
        server.close()
        assert type(caught.value) is row.gives
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, json.JSONDecodeError) == (row.gives is ServerJSONError)
        assert row.says in str(caught.value)
        assert getattr(caught.value, "exit_code", None) == row.code
    assert time.monotonic() - started < row.within


@pytest.mark.parametrize("face", ["call", *(pytest.param(face, marks=pytest.mark.slow) for face in ("acall", "stream"))])
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in ROWS])
def test_a_server_that(name: str, face: str) -> None:
    check(ROWS[name], behind([sys.executable, str(FOLDER / f"{name}.py")]), face, LARGE.get(name, "Hello?"))


def test_every_script_has_a_row() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "speaking"} == set(ROWS)


@pytest.mark.parametrize("face", ["call", "acall", "stream"])
def test_a_program_that_does_not_exist(face: str) -> None:
    check(Row(ServerStartError, "No such file or directory"), behind(["/nowhere/server"]), face, "Hello?")


@pytest.mark.parametrize("face", ["call", "acall", "stream"])
def test_a_program_that_is_not_executable(face: str, tmp_path: Path) -> None:
    (tmp_path / "server").write_text("#!/bin/sh\n")
    check(Row(ServerStartError, "Permission denied"), behind([str(tmp_path / "server")]), face, "Hello?")


def test_the_next_call_after_a_late_answer_has_its_own() -> None:
    with behind([sys.executable, str(FOLDER / "answers_after_the_deadline.py")]) as server:
        with pytest.raises(ServerTimeoutError):
            server.call("first")
        assert server.call("second")["output"] == "hi"


def test_one_answer_of_many_that_is_dropped_fails_that_call_alone() -> None:
    with behind([sys.executable, str(FOLDER / "drops_one_answer_of_many.py")]) as server, ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(server.call, "drop me" if n == 25 else f"p{n}") for n in range(50)]
        errors = [type(call.exception(10)) for call in calls]
    assert errors == [ServerTimeoutError if n == 25 else type(None) for n in range(50)]


def test_one_crash_fails_all_calls_in_flight_and_the_next_one_works(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(f"""
import os, sys
sys.path.insert(0, {str(FOLDER)!r})
from speaking import *
initialize()
if not os.path.exists({str(tmp_path / "crashed")!r}):
    for _ in range(20): read()
    open({str(tmp_path / "crashed")!r}, "w").close()
    os._exit(7)
serve()
""")
    with behind([sys.executable, str(script)]) as server, ThreadPoolExecutor(20) as pool:
        errors = [call.exception(10) for call in [pool.submit(server.call, "x") for _ in range(20)]]
        assert {type(error) for error in errors} == {ServerExitedError}
        assert server.call("x")["output"] == "hi"


def test_one_crash_gives_each_call_an_error_of_its_own() -> None:
    with behind([sys.executable, str(FOLDER / "exits_in_a_call.py")]) as server, ThreadPoolExecutor(10) as pool:
        errors = [call.exception(10) for call in [pool.submit(server.call, "x") for _ in range(10)]]
    assert len({id(error) for error in errors}) == 10


def test_all_who_wait_for_a_start_wait_for_the_same_one() -> None:
    server = behind([sys.executable, str(FOLDER / "never_initializes.py")])
    with ThreadPoolExecutor(6) as pool:
        started = time.monotonic()
        errors = [type(call.exception(10)) for call in [pool.submit(server.call, "x") for _ in range(6)]]
        assert time.monotonic() - started < START + 1.5
    assert errors == [ServerTimeoutError] * 6


PAGES = """
import sys
sys.path.insert(0, {folder!r})
from speaking import *
answer(read(), {{**AGREED, "capabilities": {{"tools": {{}}}}}})
read()
ask = {{"name": "ask", "inputSchema": {{"type": "object", "properties": {{"question": {{"type": "string"}}}}}}}}
while True:
    request = read()
    if request["method"] == "tools/list":
        answer(request, {{"tools": [ask]}} if "params" in request and request["params"].get("cursor") else {first})
    elif request["method"] == "tools/call":
        answer(request, {{"content": [{{"type": "text", "text": json.dumps(request["params"]["arguments"])}}]}})
"""


@pytest.mark.parametrize(
    ("first", "sent"),
    [
        ({"tools": [], "nextCursor": "2"}, {"question"}),
        ({"tools": None}, {"question", "model", "max_tokens", "timeout"}),
        ({"tools": [{"name": "other"}]}, {"question", "model", "max_tokens", "timeout"}),
    ],
    ids=["on the second page", "no list", "not listed"],
)
def test_a_foreign_tool_is_sent_what_it_lists(tmp_path: Path, first: Any, sent: set[str]) -> None:
    (tmp_path / "server.py").write_text(PAGES.format(folder=str(FOLDER), first=first))
    with behind(tmp_path / "server.py", tool_name="ask", prompt_argument="question") as server:
        result = server.call("hi")
        assert set(json.loads(str(result["output"]))) == sent
        assert set(result.get("dropped_params", ())) == {"question", "model", "max_tokens", "timeout"} - sent


def test_a_foreign_tool_without_a_place_for_the_prompt_is_not_called(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(PAGES.format(folder=str(FOLDER), first={"tools": [], "nextCursor": "2"}))
    with (
        behind(tmp_path / "server.py", tool_name="ask") as server,
        pytest.raises(ServerProtocolError, match="no argument 'prompt' for the prompt; it takes question"),
    ):
        server.call("hi")


def test_a_host_that_ignores_sigchld_ends_its_server_quickly() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with behind([sys.executable, str(FOLDER / "prints_a_banner.py")]) as server:
            assert server.call("x")["output"] == "hi"
            started = time.monotonic()
        assert time.monotonic() - started < 2
    finally:
        signal.signal(signal.SIGCHLD, before)
