"""A server process as its host sees it: how both eras behave on the wire, row by row, and how the process ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import unmeasured_environment
from tests.peer import LEGACY, MODERN, MODERN_META, Peer, call, request, wait_until

CANCEL_1 = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
UNKNOWN_VERSION = {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
SURROGATE = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"complete","arguments":{"prompt":"a\\ud800b"}}}'


def text(response: dict[str, Any]) -> str:
    content: list[dict[str, str]] = response["result"]["content"]
    return content[0]["text"]


def code(response: dict[str, Any]) -> int | None:
    number: int | None = response.get("error", {}).get("code")
    return number


def start_with_pipe(blocking: bool = True) -> tuple[subprocess.Popen[bytes], int]:
    """Start an echo server. Return it and the reading end of its stdout, which the test may close."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, blocking)
    command = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write_end)
    os.close(write_end)
    return process, read_end


# Each row has a message, and a condition for the one answer to it.
TABLE: list[tuple[str, Any, Any]] = [
    ("not JSON", b"hello?", lambda r: code(r) == -32700),
    ("invalid UTF-8", b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', lambda r: code(r) == -32700),
    ("not an object", b"5", lambda r: code(r) == -32600),
    ("an array", b"[]", lambda r: code(r) == -32600),
    ("id null", {"jsonrpc": "2.0", "id": None, "method": "ping"}, lambda r: code(r) == -32600),
    ("id float", {"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, lambda r: code(r) == -32600),
    ("id bool", {"jsonrpc": "2.0", "id": True, "method": "ping"}, lambda r: code(r) == -32600),
    ("no method", {"jsonrpc": "2.0", "id": 1}, lambda r: code(r) == -32600),
    ("unknown method", request(1, "nope"), lambda r: code(r) == -32601),
    ("unknown tool", request(1, "tools/call", {"name": "nope"}), lambda r: code(r) == -32602),
    ("malformed params", request(1, "tools/call", {"name": 5}), lambda r: code(r) == -32602),
    ("modern without _meta", request(1, "server/discover"), lambda r: code(r) == -32602),
    (
        "modern, unknown version",
        request(1, "tools/list", {"_meta": UNKNOWN_VERSION}),
        lambda r: (
            code(r) == -32022 and MODERN in r["error"]["data"]["supported"] and r["error"]["data"]["requested"] == "2099-01-01"
        ),
    ),
    (
        "bad tool argument",
        call(1, {"prompt": "x", "max_tokens": "many"}),
        lambda r: r["result"]["isError"] and 'max_tokens: expected int ≥ 1, got "many"' in text(r),
    ),
    ("tools/call without initialize", call(1, {"prompt": "x"}), lambda r: text(r) == "x"),
    (
        "tools/call, modern",
        call(1, {"prompt": "x"}, modern=True),
        lambda r: r["result"]["resultType"] == "complete" and text(r) == "x",
    ),
    (
        "tools/list",
        request(1, "tools/list"),
        lambda r: [tool["name"] for tool in r["result"]["tools"]] == ["complete", "list_models"],
    ),
    ("tools/list, modern", request(1, "tools/list", modern=True), lambda r: r["result"]["cacheScope"] == "public"),
    (
        "execute_task",
        request(1, "tools/call", {"name": "execute_task", "arguments": {"prompt": "x", "model": "echo"}}),
        lambda r: text(r) == "x",
    ),
    (
        "unknown initialize version",
        request(1, "initialize", {"protocolVersion": "2099-01-01"}),
        lambda r: r["result"]["protocolVersion"] == LEGACY,
    ),
    ("ping", request(1, "ping"), lambda r: r["result"] == {}),
    ("ping, modern", request(1, "ping", modern=True), lambda r: code(r) == -32601),
    ("a lone surrogate", SURROGATE, lambda r: text(r) == "a\ufffdb"),
    ("U+2028", call(1, {"prompt": "a\u2028b"}), lambda r: text(r) == "a\u2028b"),
    (
        "NaN",
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"complete","arguments":{"temperature":NaN}}}',
        lambda r: code(r) == -32700,
    ),
    ("a 20 MB line", call(1, {"prompt": "x" * 20_000_000}), lambda r: len(text(r)) == 20_000_000),
]


@pytest.fixture(scope="module")
def server() -> Any:
    with Peer("echo") as peer:
        yield peer


@pytest.mark.parametrize(("message", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_wire_behaviour(server: Peer, message: Any, expected: Any) -> None:
    """One process serves all rows, because no row may block it or end it."""
    if isinstance(message, bytes):
        server.expect(1, "tools/call")
    response = server.ask(message)
    assert expected(response), str(response)[:500]
    assert server.ask(request(99, "ping"))["result"] == {}


def test_initialize_is_answered_again_at_any_time() -> None:
    with Peer("echo") as server:
        assert server.ask(request(1, "server/discover", modern=True))["result"]["supportedVersions"] == [MODERN]
        assert server.initialize()["result"]["protocolVersion"] == LEGACY
        assert server.initialize("2024-11-05")["result"]["protocolVersion"] == "2024-11-05"
        assert server.ask(request(2, "server/discover", modern=True))["result"]["resultType"] == "complete"


def test_a_client_that_sends_no_initialized_and_reads_one_line_a_request() -> None:
    with Peer("echo") as server:
        assert server.initialize("2024-11-05")["id"] == 0
        response = server.ask(
            request(1, "tools/call", {"name": "execute_task", "arguments": {"prompt": "hi", "model": "echo"}})
        )
        assert (response["id"], text(response)) == (1, "hi")


def test_blank_lines_mean_nothing() -> None:
    with Peer("echo") as server:
        server.send(b"", b"  \r", request(1, "ping"))
        assert server.read()["id"] == 1


def test_an_id_in_use_is_refused() -> None:
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "x", "model": "echo-slow"}), call(1, {"prompt": "x"}))
        assert code(server.read()) == -32600
        assert text(server.read()) == "x"


def test_calls_run_side_by_side_and_each_gets_its_own_answer() -> None:
    with Peer("echo") as server:
        started = time.monotonic()
        server.send(*(call(n, {"prompt": f"p{n}", "model": "echo-slow-0.5"}) for n in range(200)))
        answers = {response["id"]: text(response) for response in (server.read() for _ in range(200))}
        assert answers == {n: f"p{n}" for n in range(200)}
        assert time.monotonic() - started < 10


def test_a_ping_is_answered_while_a_model_thinks() -> None:
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "x", "model": "echo-slow"}), request(2, "ping"))
        assert [server.read()["id"], server.read()["id"]] == [2, 1]


def test_progress_increases_strictly_and_stops_with_the_answer() -> None:
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "one two three", "model": "echo-slow"}, progressToken="t"))
        messages = [server.read()]
        while "id" not in messages[-1]:
            messages.append(server.read())
        progress = [message["params"] for message in messages[:-1]]
        values = [params["progress"] for params in progress]
        assert len(values) >= 3
        assert values == sorted(set(values))
        assert {params["progressToken"] for params in progress} == {"t"}
        assert all("_meta" not in params for params in progress)
        assert server.ask(request(2, "ping"))["id"] == 2


def test_a_silent_model_has_a_heartbeat(openai: Any) -> None:
    from tests.fakes.openai import stream

    openai.script(stream(iter([b": \n\n"] * 1), pause=60))
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "x"}, progressToken=7))
        first = server.read()["params"]
        second = server.read()["params"]
        assert "waiting" in first["message"]
        assert second["progress"] > first["progress"]


def test_a_caller_that_streams_gets_every_piece() -> None:
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "one two three"}, progressToken=5, **{"mcp-models/stream": True}))
        pieces = []
        while "id" not in (message := server.read()):
            pieces.append(message["params"]["_meta"]["mcp-models/delta"])
        assert "".join(pieces) == "one two three" == text(message)


def test_a_cancelled_call_is_never_heard_of_again() -> None:
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "x" * 100, "model": "echo-slow-3"}, progressToken=1))
        assert "method" in server.read()
        server.send(CANCEL_1, call(1, {"prompt": "again"}))
        assert text(server.read()) == "again"


def test_cancelling_what_is_unknown_or_done_changes_nothing() -> None:
    with Peer("echo") as server:
        server.send(CANCEL_1)
        assert text(server.ask(call(1, {"prompt": "x"}))) == "x"
        server.send(CANCEL_1)
        assert server.ask(request(2, "ping"))["id"] == 2


def test_after_the_end_of_input_every_call_is_still_answered() -> None:
    with Peer("echo") as server:
        server.send(*(call(n, {"prompt": f"p{n}", "model": "echo-slow-0.5"}) for n in range(20)), b"nonsense")
        server.close_stdin()
        responses = server.rest()
        assert sorted(r["id"] for r in responses if r["id"] is not None) == list(range(20))
        assert server.exit_code() == 0


def test_a_file_of_calls_piped_in_gets_every_answer(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(
        "".join(
            f'{{"jsonrpc":"2.0","id":{n},"method":"tools/call","params":{{"name":"complete","arguments":{{"prompt":"p"}}}}}}\n'
            for n in range(300)
        )
    )
    command = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
    with calls.open() as stdin:
        done = subprocess.run(command, stdin=stdin, capture_output=True, timeout=30, check=True)
    assert len(done.stdout.splitlines()) == 300


def test_a_last_line_without_a_newline_counts() -> None:
    with Peer("echo") as server:
        assert server.process.stdin
        server.process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        server.expect(1, "ping")
        server.close_stdin()
        assert [r["id"] for r in server.rest()] == [1]


def test_without_a_reader_calls_are_aborted_at_the_end_of_input() -> None:
    process, read_end = start_with_pipe()
    assert process.stdin
    process.stdin.write(json.dumps(call(1, {"prompt": "x", "model": "echo-slow-60"})).encode() + b"\n")
    os.close(read_end)
    process.stdin.close()
    assert process.wait(5) == 0


def test_a_closed_stdout_ends_the_server_though_its_input_stays_open() -> None:
    process, read_end = start_with_pipe()
    assert process.stdin
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    process.stdin.flush()
    assert b'"id":1' in os.read(read_end, 1000)
    started = time.monotonic()
    os.close(read_end)
    assert process.wait(5) == 0
    assert time.monotonic() - started < 1
    process.stdin.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_signal_ends_the_server_quietly_within_a_second(number: signal.Signals, busy: bool) -> None:
    with Peer("echo") as server:
        server.initialize()
        if busy:
            server.send(call(1, {"prompt": "x" * 100, "model": "echo-slow-2"}, progressToken=1))
            server.read()
        started = time.monotonic()
        server.signal(number)
        assert server.exit_code() == 128 + number
        assert time.monotonic() - started < 1
        assert server.stderr == b""


def test_a_host_that_does_not_read_blocks_nothing() -> None:
    """There are far more answers than a pipe can hold, and the client reads only after writing everything."""
    command = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    for n in range(2000):
        process.stdin.write(b'{"jsonrpc":"2.0","id":%d,"method":"tools/list"}\n' % n)
    process.stdin.close()
    assert len(process.stdout.readlines()) == 2000
    process.stdout.close()
    assert process.wait(5) == 0


NOISY = """
import os, subprocess, sys
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.echo_mcp_server import Echo

class Noisy(Echo):
    async def complete(self, request, on_text):
        print("a print of some library")
        os.write(1, b"bytes of some library\\n")
        subprocess.run(["sh", "-c", "echo a child; cat"], check=True)
        return await super().complete(request, on_text)

serve(Noisy())
"""


def test_what_libraries_and_children_print_goes_to_stderr() -> None:
    with Peer(sys.executable, "-c", NOISY) as server:
        assert text(server.ask(call(1, {"prompt": "x"}))) == "x"
        wait_until(lambda: b"a child" in server.stderr)
        assert b"a print" in server.stderr
        assert b"bytes of" in server.stderr
        assert server.ask(request(2, "ping"))["id"] == 2


FAULTY = """
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.echo_mcp_server import Echo

class Faulty(Echo):
    async def complete(self, request, on_text):
        on_text("half an ")
        raise KeyError("a-very-private-value")

serve(Faulty())
"""


def test_a_fault_is_one_sentence_on_the_wire_and_a_redacted_traceback_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-very-private-value")
    with Peer(sys.executable, "-c", FAULTY) as server:
        result = server.ask(call(1, {"prompt": "x"}))["result"]
        error = result["_meta"]["mcp-models/error"]
        assert (result["isError"], error["type"], error["partial"]) == (True, "internal", "half an ")
        assert "Traceback" not in str(result)
        wait_until(lambda: b"KeyError" in server.stderr)
        assert b"a-very-private-value" not in server.stderr


def test_nothing_slow_is_imported_before_the_handshake() -> None:
    """Look at `sys.modules` in a server that has just answered `initialize`."""
    probe = """
import sys
from mcp_models.servers.core import stdio
run = stdio.StdioServer.run
def spy(self):
    code = run(self)
    print(*sorted(sys.modules), file=sys.stderr)
    return code
stdio.StdioServer.run = spy
from mcp_models.servers.openai_mcp_server import main
main()
"""
    with Peer(sys.executable, "-c", probe, env=unmeasured_environment()) as server:
        server.initialize()
        server.close_stdin()
        assert server.exit_code() == 0
        wait_until(lambda: b"threading" in server.stderr)
        modules = set(server.stderr.decode().split())
    slow = {
        "asyncio",
        "msgspec",
        "httpx2",
        "openai",
        "typing",
        "dataclasses",
        "inspect",
        "logging",
        "socket",
        "email",
    }
    assert not modules & slow


def test_warm_imports_the_sdk_after_the_handshake(openai: Any) -> None:
    with Peer("openai", "--warm") as server:
        server.initialize()
        maps = Path(f"/proc/{server.process.pid}/maps")
        if maps.exists():
            wait_until(lambda: "pydantic_core" in maps.read_text())
        assert server.ask(request(1, "ping"))["id"] == 1


def test_warming_up_says_nothing_where_there_is_nothing_to_import_or_no_key() -> None:
    for provider in ("echo", "openai"):
        with Peer(provider, "--warm") as server:
            server.initialize()
            assert "result" in server.ask(call(1, {"prompt": "x"}))
            assert server.stderr == b""


@pytest.mark.parametrize(("argument", "expected"), [("--help", 0), ("--nope", 2)])
def test_arguments_are_few(argument: str, expected: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_models.servers.echo_mcp_server", argument], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (expected, "")
    assert "usage" in done.stderr


def test_an_id_may_be_used_again_as_soon_as_it_is_answered() -> None:
    with Peer("echo") as server:
        for n in range(300):
            assert text(server.ask(call(1, {"prompt": f"p{n}"}))) == f"p{n}"


def test_two_signals_at_once_end_it_as_one_does() -> None:
    for _ in range(10):
        with Peer("echo") as server:
            server.initialize()
            server.send(call(1, {"prompt": "x" * 100, "model": "echo-slow-30"}))
            server.ask(request(2, "ping"))
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGINT)
            assert server.exit_code(5) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
            assert server.stderr == b""


@pytest.mark.parametrize("depth", [600, 50_000])
def test_deep_json_does_not_end_the_server(depth: int) -> None:
    deep = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"[" * depth + b'"\\ud800"' + b"]" * depth + b"}}"
    with Peer("echo") as server:
        server.expect(1, "ping")
        answer = server.ask(deep)
        assert answer.get("result") == {} or code(answer) == -32700  # the limit depends on Python's version
        assert server.ask(request(2, "ping"))["result"] == {}


def test_streamed_text_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-very-private-value")
    with Peer("echo") as server:
        server.send(call(1, {"prompt": "say a-very-private-value twice"}, progressToken=5, **{"mcp-models/stream": True}))
        pieces = []
        while "id" not in (message := server.read()):
            pieces.append(message["params"]["_meta"]["mcp-models/delta"])
        assert "".join(pieces) == "say [redacted] twice" == text(message)


@pytest.mark.parametrize("redirection", ["<&-", "2>&-", "<&- 2>&-"])
def test_descriptors_that_the_host_left_closed_are_not_mixed_up(redirection: str) -> None:
    line = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    command = f"echo '{line}' | {sys.executable} -m mcp_models.servers.echo_mcp_server {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ([] if "<&-" in redirection else ['{"jsonrpc":"2.0","id":1,"result":{}}'])


@pytest.mark.parametrize(("redirection", "words"), [(">&-", "stdout is closed"), ("> /dev/full", "No space left on device")])
def test_an_stdout_that_takes_nothing_is_said(redirection: str, words: str) -> None:
    line = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    command = f"echo '{line}' | {sys.executable} -m mcp_models.servers.echo_mcp_server {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_pipe_that_the_host_made_non_blocking_loses_nothing() -> None:
    process, read_end = start_with_pipe(blocking=False)
    assert process.stdin
    process.stdin.write(json.dumps(call(1, {"prompt": "x" * 1_000_000})).encode() + b"\n")
    process.stdin.close()
    received = b""
    while chunk := os.read(read_end, 1 << 16):
        received += chunk
    os.close(read_end)
    assert process.wait(5) == 0
    assert len(json.loads(received)["result"]["content"][0]["text"]) == 1_000_000


def test_an_stderr_that_nobody_drains_stops_no_call() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAULTY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as p:
        assert p.stdin
        assert p.stdout
        p.stdin.write(b"".join(json.dumps(call(n, {"prompt": "x"})).encode() + b"\n" for n in range(200)))
        p.stdin.close()
        assert len(p.stdout.readlines()) == 200


COUNTING = """
import gc
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.echo_mcp_server import Echo

class Counting(Echo):
    async def complete(self, request, on_text):
        completion = await super().complete(request, on_text)
        completion.text = str(gc.get_freeze_count())
        return completion

serve(Counting())
"""


def test_what_the_first_call_imported_is_not_looked_through_for_garbage_again() -> None:
    with Peer(sys.executable, "-c", COUNTING) as server:
        first, second = (int(text(server.ask(call(n, {"prompt": "x"})))) for n in (1, 2))
        assert first < 1000 < 10_000 < second


BLOCKING = """
import sys, time
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.echo_mcp_server import Echo

class Blocking(Echo):
    async def complete(self, request, on_text):
        print("begun", file=sys.stderr)
        if request.prompt == "busy":
            while True:
                pass
        time.sleep(60)

serve(Blocking())
"""


@pytest.mark.parametrize("kind", ["asleep", "busy"])
def test_a_signal_ends_a_server_whose_event_loop_is_blocked(kind: str) -> None:
    with Peer(sys.executable, "-c", BLOCKING) as server:
        server.send(call(1, {"prompt": kind}))
        wait_until(lambda: b"begun" in server.stderr)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 128 + signal.SIGTERM
        assert time.monotonic() - started < 1.5


def test_a_line_without_end_is_refused_and_kept_nowhere() -> None:
    with Peer("echo") as server:
        assert server.process.stdin
        for _ in range(70):
            server.process.stdin.write(b"x" * 1_000_000)
        server.process.stdin.write(b"\n")
        server.process.stdin.flush()
        server.expect(None)
        refused = server.read()
        assert (code(refused), "a line of more than 67,108,864 bytes" in refused["error"]["message"]) == (-32600, True)
        assert server.ask(request(1, "ping"))["result"] == {}
        status = Path(f"/proc/{server.process.pid}/status")
        if status.exists():
            assert int(status.read_text().split("VmRSS:")[1].split()[0]) < 200_000


def test_too_many_calls_at_once_are_refused_and_the_others_answered() -> None:
    with Peer("echo") as server:
        server.send(*(call(n, {"prompt": "x", "model": "echo-slow-1"}) for n in range(1002)))
        answers = [server.read() for _ in range(1002)]
        refused = [answer for answer in answers if code(answer) == -32600]
        assert {answer["id"] for answer in answers} == set(range(1002))
        assert len(refused) == 2
        assert "1,000 calls are in flight" in refused[0]["error"]["message"]


@pytest.mark.parametrize("in_loop", [False, True], ids=["before a call", "after a call"])
def test_a_host_that_never_reads_is_read_no_more(in_loop: bool) -> None:
    """The amount of waiting output is limited. The server stops reading, so the host cannot write any more."""
    environment = {**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"]}
    program = (
        "from mcp_models.servers.core.transport import lines; lines.MAX_UNREAD_BYTES = 1_000_000; "
        "from mcp_models.servers.echo_mcp_server import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdin
    assert process.stdout
    os.set_blocking(process.stdin.fileno(), False)
    if in_loop:
        os.write(process.stdin.fileno(), json.dumps(call("first", {"prompt": "x"})).encode() + b"\n")
        assert b"first" in process.stdout.readline()
    line = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'
    asked = 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and asked < 20_000:
        try:
            os.write(process.stdin.fileno(), line)
            asked += 1
        except BlockingIOError:
            select.select([], [process.stdin], [], 0.1)
    assert asked < 20_000
    process.stdin.close()
    assert len(process.stdout.readlines()) == asked
    process.stdout.close()
    assert process.wait(5) == 0


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_host_that_reads_nothing_at_the_end_is_not_waited_for_forever(in_loop: bool) -> None:
    code = "from mcp_models.servers.core.transport import stdio; stdio.FLUSH_SECONDS = 0.3; import runpy, sys; "
    code += "sys.argv[1:] = []; runpy.run_module('mcp_models.servers.echo_mcp_server', run_name='__main__')"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        message = call(1, {"prompt": "x" * 1_000_000}) if in_loop else request(1, "tools/list")
        process.stdin.write((json.dumps(message) + "\n").encode() * (1 if in_loop else 200))
        process.stdin.close()
        assert process.wait(20) != 0
