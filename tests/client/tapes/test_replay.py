"""`mcp-models tape replay`, in this process: it says what the server said, with the client's own ids and tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.tapes.tapes import Played, answer, ask, progress, write
from tests.peer import MODERN_META, request

HELLO = request(
    0, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
)
WELCOME = {"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-06-18"}}


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


@pytest.mark.parametrize(
    ("recorded", "sent"),
    [
        (
            b'{"jsonrpc": "2.0",  "id": 7, "result": {"a": 1.50, "id": 7}}',
            b'{"jsonrpc": "2.0",  "id": "x", "result": {"a": 1.50, "id": 7}}',
        ),
        (
            b'{"result":{"id":7,"b":"\\u00e9"},"id":7,"jsonrpc":"2.0"}',
            b'{"result":{"id":7,"b":"\\u00e9"},"id":"x","jsonrpc":"2.0"}',
        ),
        (b'{"result":{"text":"\\"id\\":7,"},"\\u0069d":7}', b'{"result":{"text":"\\"id\\":7,"},"id":"x"}'),
        (
            b'{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}',
            b'{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":""}}',
        ),
    ],
)
def test_an_answer_has_the_clients_id_and_every_other_byte_as_recorded(tape: Path, recorded: bytes, sent: bytes) -> None:
    write(tape, ("client", 0, ask(7, "a")), ("server", 1, recorded))
    with Played(tape) as played:
        played.send(ask("x", "a"))
        assert played.line() == sent + b"\n"
    with Played(tape) as played:
        played.send(ask(7, "a"))
        assert played.line() == recorded + b"\n"


def test_progress_has_the_clients_token_and_there_is_none_for_who_gave_none(tape: Path) -> None:
    session = (("client", 0, ask(1, "a", progressToken="t")), ("server", 1, progress("t", 0.5)), ("server", 2, answer(1, "b")))
    write(tape, *session)
    with Played(tape) as played:
        played.send(ask(5, "a", progressToken=9))
        assert played.read() == progress(9, 0.5)
        assert played.read() == answer(5, "b")
    with Played(tape) as played:
        played.send(ask(5, "a"))
        assert played.read() == answer(5, "b")


def test_the_same_question_gets_its_answers_in_order_over_all_sessions(tape: Path) -> None:
    write(
        tape,
        ("client", 0, ask(1, "a")),
        ("client", 0, ask(2, "a")),
        ("server", 1, answer(2, "2nd")),
        ("server", 2, answer(1, "1st")),
    )
    write(tape, ("client", 0, ask(1, "a")), ("server", 1, answer(1, "3rd")))
    with Played(tape) as played:
        for number in range(4):
            played.send(ask(number, "a"))
        results = [message["result"] for message in played.rest()]
    assert [result["content"][0]["text"] for result in results[:3]] == ["1st", "2nd", "3rd"]
    assert results[3]["isError"] is True
    assert "recorded 3 times, and has been asked more often" in results[3]["content"][0]["text"]
    with Played(tape, repeat=True) as played:
        for number in range(5):
            played.send(ask(number, "a"))
        assert played.rest()[-1]["result"]["content"][0]["text"] == "3rd"


@pytest.mark.parametrize(
    "params",
    [
        {"arguments": {"prompt": "a", "n": 1}, "name": "complete"},
        {"name": "complete", "arguments": {"n": 1.0, "prompt": "a"}, "_meta": {"claudecode/toolUseId": "toolu_2"}},
    ],
)
def test_the_order_of_keys_and_what_a_session_adds_do_not_count(tape: Path, params: dict[str, Any]) -> None:
    asked = request(1, "tools/call", {"name": "complete", "arguments": {"prompt": "a", "n": 1}, "_meta": {"id": "toolu_1"}})
    write(tape, ("client", 0, asked), ("server", 1, answer(1, "b")))
    with Played(tape) as played:
        played.send(request(1, "tools/call", params))
        assert played.read() == answer(1, "b")


def test_a_handshake_serves_other_clients_and_lists_are_given_again(tape: Path) -> None:
    tools = {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}
    write(tape, ("client", 0, HELLO), ("server", 0, WELCOME), ("client", 0, request(1, "tools/list")), ("server", 0, tools))
    with Played(tape) as played:
        other = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}, "clientInfo": {"name": "b", "version": "2"}}
        for _ in range(2):
            played.send(request(0, "initialize", other))
            assert played.read() == WELCOME
            played.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert played.read() == tools
            played.send(request(2, "ping"))
            assert played.read() == {"jsonrpc": "2.0", "id": 2, "result": {}}
    assert not played.said


def test_what_the_server_says_by_itself_comes_after_the_same_line_of_the_client(tape: Path) -> None:
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    roots = {"jsonrpc": "2.0", "id": 1, "method": "roots/list"}
    given = {"jsonrpc": "2.0", "id": 1, "result": {"roots": []}}
    write(
        tape,
        ("client", 0, HELLO),
        ("server", 0, WELCOME),
        ("client", 0, ready),
        ("server", 0, changed),
        ("server", 1, roots),
        ("client", 1, given),
    )
    with Played(tape) as played:
        for message in (HELLO, ready, {**given, "result": {"roots": [{"uri": "file:///a"}]}}):
            played.send(message)
        assert played.rest() == [WELCOME, changed, roots]
    assert not played.said


def test_what_was_not_recorded_is_said_loudly_with_the_nearest_recording_and_the_difference(tape: Path) -> None:
    write(tape, ("client", 0, ask(1, "What is a tape?")), ("server", 1, answer(1, "b")), ("client", 2, ask(2, "x" * 500)))
    with Played(tape) as played:
        played.send(ask(1, "What is a taper?"))
        result = played.read()["result"]
    told = (
        'the tape has no answer to tools/call complete {"prompt":"What is a taper?"}. The nearest recording is on line 2. '
        'The difference: arguments.prompt is "What is a tape?" on the tape, "What is a taper?" was asked.'
    )
    assert (result["content"][0]["text"], result["isError"]) == (told, True)
    assert result["_meta"]["mcp-models/error"]["type"] == "configuration"
    assert played.said == [f"mcp-models tape: {told}\n"]
    assert played.server.missed == 1


def test_the_place_where_two_long_texts_differ_is_shown(tape: Path) -> None:
    write(tape, ("client", 0, ask(1, "long " * 1000 + "one")), ("server", 1, answer(1, "b")))
    with Played(tape) as played:
        played.send(ask(1, "long " * 1000 + "two"))
        played.read()
    assert '…long long long long one" on the tape' in played.said[0]
    assert len(played.said[0]) < 500


def test_a_method_that_was_not_recorded_is_unknown_to_the_server(tape: Path) -> None:
    write(tape, ("client", 0, HELLO), ("server", 0, WELCOME))
    with Played(tape) as played:
        played.send(request(3, "resources/list"))
        error = played.read()["error"]
    assert (error["code"], error["message"]) == (
        -32601,
        "the tape has no answer to resources/list {}: no resources/list was recorded.",
    )


def test_an_error_to_a_modern_client_has_the_form_of_its_era(tape: Path) -> None:
    write(tape, ("client", 0, ask(1, "a")), ("server", 1, answer(1, "b")))
    with Played(tape) as played:
        played.send(ask(1, "a", **MODERN_META))
        result = played.read()["result"]
    assert (result["resultType"], result["isError"]) == ("complete", True)
    assert "the protocol's version" in played.said[0]


def test_a_recording_without_its_end_is_an_error_unless_the_client_cancelled_it(tape: Path) -> None:
    gone = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
    write(tape, ("client", 0, ask(1, "a")), ("client", 0, ask(2, "b")), ("client", 1, gone))
    with Played(tape) as played:
        played.send(ask(3, "b"))
        played.send({**gone, "params": {"requestId": 3}})
        played.send(ask(4, "a"))
        (message,) = played.rest()
    assert message["id"] == 4
    assert "ends before the answer" in message["result"]["content"][0]["text"]


def test_at_the_recorded_speed_lines_come_at_their_time_and_a_cancelled_request_gets_none(tape: Path) -> None:
    write(
        tape,
        ("client", 0, ask(1, "a")),
        ("client", 0, ask(2, "b")),
        ("server", 1, answer(1, "c")),
        ("server", 2, answer(2, "d")),
    )
    with Played(tape, speed=10) as played:
        started = time.monotonic()
        played.send(ask("two", "b"))
        played.send(ask("one", "a"))
        played.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "one"}})
        assert played.rest() == [answer("two", "d")]
        assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("line", "code"), [(b"{", -32700), (b"[]", -32600), (b"3", -32600)])
def test_a_line_that_is_no_message_is_an_error_and_no_end(tape: Path, line: bytes, code: int) -> None:
    write(tape, ("client", 0, ask(1, "a")), ("server", 1, answer(1, "b")))
    with Played(tape) as played:
        played.send(line)
        assert played.read()["error"]["code"] == code
        played.send(ask(1, "a"))
        assert played.read() == answer(1, "b")


def test_a_banner_that_is_no_json_is_said_again(tape: Path) -> None:
    write(tape, ("client", 0, HELLO), ("server", 0, b"Welcome!"), ("server", 0, WELCOME))
    with Played(tape) as played:
        played.send(HELLO)
        assert (played.line(), json.loads(played.line())) == (b"Welcome!\n", WELCOME)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no non-blocking pipes of this kind")
def test_pipes_that_a_host_has_made_non_blocking_are_waited_for(tape: Path) -> None:
    write(tape, ("client", 0.0, ask(1, "a")), ("server", 0.0, answer(1, "A")))
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    code = "import sys; from mcp_models.client.tapes.replay import replay; sys.exit(replay(sys.argv[1], repeat=True))"
    with subprocess.Popen([sys.executable, "-c", code, tape], stdin=reading, stdout=subprocess.PIPE) as server:
        os.close(reading)
        assert server.stdout is not None
        for number in (7, 8):
            os.write(writing, json.dumps(ask(number, "a")).encode() + b"\n")
            assert json.loads(server.stdout.readline())["id"] == number
        os.close(writing)
        assert server.wait(5) == 0
