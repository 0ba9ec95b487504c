"""A server's handle and its session: the handshake in both eras, matching requests by id, and all kinds of failure."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client import (
    ServerExitedError,
    ServerHandle,
    ServerJSONError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
)
from tests.peer import wait_until

ECHO = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]

PRELUDE = """
import json, os, sys, time
def read():
    line = sys.stdin.readline()
    if not line: sys.exit(0)
    return json.loads(line)
def write(text):
    sys.stdout.write(text + "\\n"); sys.stdout.flush()
def answer(request, result):
    write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))
def refuse(code, message):
    write(json.dumps({"jsonrpc": "2.0", "id": read()["id"], "error": {"code": code, "message": message}}))
def initialize():
    answer(read(), {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}})
    assert read()["method"] == "notifications/initialized"
TEXT = {"content": [{"type": "text", "text": "hi"}]}
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[[str], ServerHandle]]:
    """A function that makes a handle on a server of a few lines."""
    sessions = []

    def make(body: str, **options: Any) -> ServerHandle:
        path = tmp_path / "server.py"
        path.write_text(PRELUDE + body)
        sessions.append(ServerHandle([sys.executable, str(path)], **options))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def connection(session: ServerHandle) -> Any:
    return session._session


def call(session: ServerHandle, timeout: float = 10, **arguments: Any) -> str:
    result = session.call_tool("complete", {"prompt": "hi", **arguments}, timeout=timeout)
    text: str = result["content"][0]["text"]
    return text


def test_a_call() -> None:
    with ServerHandle(ECHO) as session:
        assert call(session) == "hi"
        assert [tool["name"] for tool in session.list_tools()] == ["complete", "list_models"]


def test_it_starts_on_first_use_and_again_after_a_close() -> None:
    session = ServerHandle(ECHO)
    assert call(session) == "hi"
    session.close()
    assert call(session) == "hi"
    session.close()


def test_two_hundred_calls_in_flight_each_get_their_own_answer() -> None:
    answers: dict[int, str] = {}
    with ServerHandle(ECHO) as session:

        def work(n: int) -> None:
            answers[n] = call(session, prompt=f"p{n}", model="echo-slow-0.5")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert answers == {n: f"p{n}" for n in range(200)}


def test_progress_reaches_its_own_call() -> None:
    seen: list[dict[str, Any]] = []
    with ServerHandle(ECHO) as session:
        arguments = {"prompt": "one two", "model": "echo-slow-0.2"}
        session.call_tool("complete", arguments, timeout=10, on_progress=seen.append, stream=True)
    assert "".join(params["_meta"]["mcp-models/delta"] for params in seen) == "one two"


def test_an_exception_in_on_progress_ends_the_call() -> None:
    def on_progress(params: dict[str, Any]) -> None:
        raise LookupError("the caller's own")

    with ServerHandle(ECHO) as session, pytest.raises(LookupError, match="the caller's own"):
        session.call_tool("complete", {"prompt": "x", "model": "echo-slow"}, timeout=10, on_progress=on_progress)


def test_a_server_that_speaks_only_the_modern_era(script: Callable[..., ServerHandle]) -> None:
    session = script("""
refuse(-32601, "no initialize here")
request = read()
assert request["method"] == "server/discover" and "io.modelcontextprotocol/protocolVersion" in request["params"]["_meta"]
answer(request, {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
request = read()
assert request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
answer(request, {"resultType": "complete", **TEXT})
""")
    assert call(session) == "hi"


def test_a_banner_before_the_handshake_is_passed_over(script: Callable[..., ServerHandle]) -> None:
    assert call(script("write('*** WELCOME ***'); write(''); initialize(); answer(read(), TEXT); read()")) == "hi"


def test_a_servers_own_ping_is_answered(script: Callable[..., ServerHandle]) -> None:
    session = script("""
initialize()
request = read()
write('{"jsonrpc": "2.0", "id": "s1", "method": "ping"}')
assert read() == {"jsonrpc": "2.0", "id": "s1", "result": {}}
write('{"jsonrpc": "2.0", "id": "s2", "method": "sampling/createMessage"}')
assert read()["error"]["code"] == -32601
answer(request, TEXT)
read()
""")
    assert call(session) == "hi"


def test_a_line_that_is_no_json_is_a_json_decode_error(script: Callable[..., ServerHandle]) -> None:
    with pytest.raises(json.JSONDecodeError):
        call(script("initialize(); read(); write('oops'); read()"))


def test_an_answer_after_the_deadline_disturbs_nobody(script: Callable[..., ServerHandle]) -> None:
    session = script("""
initialize()
late = read()
assert read()["method"] == "notifications/cancelled"
answer(late, {"content": [{"type": "text", "text": "late"}]})
answer(read(), TEXT)
read()
""")
    with pytest.raises(ServerTimeoutError):
        call(session, timeout=0.3)
    assert call(session) == "hi"


def test_an_answer_given_twice_counts_once(script: Callable[..., ServerHandle]) -> None:
    session = script(
        "initialize(); request = read(); answer(request, TEXT); answer(request, TEXT); answer(read(), TEXT); read()"
    )
    assert [call(session), call(session)] == ["hi", "hi"]


def test_invalid_utf8_in_an_answer_is_replaced(script: Callable[..., ServerHandle]) -> None:
    body = """
initialize()
os.write(1, b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"a\\xffb"}]}}\\n' % read()["id"])
read()
"""
    assert call(script(body)) == "a\ufffdb"


@pytest.mark.parametrize(
    ("command", "words"),
    [(["no-such-program-here"], "no-such-program-here"), (["/etc/passwd"], "Permission denied"), ([""], "cannot start")],
)
def test_what_cannot_be_started_is_named(command: list[str], words: str) -> None:
    with pytest.raises(ServerStartError, match=words):
        ServerHandle(command).start()


def test_a_server_that_died_is_started_again() -> None:
    with ServerHandle(ECHO) as session:
        pid = connection(session).pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not connection(session).alive)
        assert call(session) == "hi"


def test_a_server_that_does_not_read_bounds_the_write(script: Callable[..., ServerHandle]) -> None:
    session = script("initialize(); time.sleep(60)")
    with pytest.raises(ServerTimeoutError, match="does not read"):
        call(session, timeout=0.5, prompt="x" * 5_000_000)


def test_a_large_prompt_and_answer_pass() -> None:
    prompt = "0123456789" * 2_000_000
    with ServerHandle(ECHO) as session:
        assert call(session, timeout=60, prompt=prompt) == prompt


@pytest.mark.parametrize("prompt", ["lone \ud800 surrogate", "line\u2028separator", "nul \0 tab \t"])
def test_awkward_text_passes(prompt: str) -> None:
    with ServerHandle(ECHO) as session:
        assert call(session, prompt=prompt) == prompt.replace("\ud800", "\ufffd")


def test_the_stderr_tail_is_the_end_and_holds_no_secret(
    script: Callable[..., ServerHandle], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "for n in range(1000): print('line', n, file=sys.stderr)\nprint('key sk-proj-abcdefghij', file=sys.stderr); sys.exit(1)"
    )
    with pytest.raises(ServerExitedError) as caught:
        call(script(body))
    assert "line 999" in caught.value.stderr
    assert "line 900" not in caught.value.stderr
    assert "sk-proj" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_stubborn_server_is_killed(script: Callable[..., ServerHandle]) -> None:
    session = script("""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
initialize()
while True: time.sleep(1)
""")
    session.start()
    process = connection(session)
    started = time.monotonic()
    session.close()
    assert process.exit_code == -signal.SIGKILL
    assert time.monotonic() - started < 6


def test_calls_in_flight_end_when_the_session_is_closed() -> None:
    session = ServerHandle(ECHO)
    session.start()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            call(session, model="echo-slow-60")
        except SessionError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: session.in_flight)
    session.close()
    thread.join(10)
    assert [type(failure) for failure in failures] == [ServerExitedError]


def test_nothing_is_left_behind() -> None:
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
    for _ in range(5):
        with ServerHandle(ECHO) as session:
            call(session)
    after = (threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
    assert after == before


def test_ctrl_c_ends_a_call_and_leaves_nothing() -> None:
    code = """
import sys
from mcp_models.client import EchoMCPModel
model = EchoMCPModel("echo-slow-60")
model.start()
print(model.server.pid, flush=True)
try:
    model.call("x")
except KeyboardInterrupt:
    model.close()
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    server = int(process.stdout.readline())
    wait_until(lambda: _in_call(process.pid))
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert process.wait(5) == 0
    process.stdout.close()
    wait_until(lambda: not os.path.exists(f"/proc/{server}"), 2)


def _in_call(pid: int) -> bool:
    """Return whether the main thread is waiting for a lock, as it does while it waits for an answer."""
    return "futex" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/status").read_text().find("S (sleeping)") > 0


@pytest.mark.parametrize("line", ["'[' * 100000", "'9' * 5000"], ids=["deep", "long number"])
def test_json_that_breaks_the_decoder_ends_the_call_and_not_the_reader(script: Callable[..., ServerHandle], line: str) -> None:
    session = script(
        f"initialize(); read(); write({line}); assert 'cancelled' in read()['method']; answer(read(), TEXT); read()"
    )
    with pytest.raises(ServerJSONError):
        call(session)
    assert call(session) == "hi"


def test_a_session_that_nobody_closes_takes_its_server_with_it() -> None:
    session = ServerHandle(ECHO)
    call(session)
    pid = session.pid
    del session
    gc.collect()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5)


def test_closing_is_bounded_whatever_is_in_flight(script: Callable[..., ServerHandle]) -> None:
    session = script("initialize(); time.sleep(60)")
    session.start()

    def work() -> None:
        with pytest.raises(SessionError):
            call(session, prompt="x" * 100_000)

    threads = [threading.Thread(target=work) for _ in range(15)]
    for thread in threads:
        thread.start()
    wait_until(lambda: session.in_flight == 15)
    started = time.monotonic()
    session.close()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - started < 8
    assert not any(thread.is_alive() for thread in threads)


def test_a_start_that_hangs_can_be_closed(script: Callable[..., ServerHandle]) -> None:
    session = script("time.sleep(60)", start_timeout=30)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            session.start()
        except SessionError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: session.pid)
    session.close()
    thread.join(8)
    assert [type(failure) for failure in failures] == [ServerExitedError]


def test_a_callers_exception_cancels_the_call(script: Callable[..., ServerHandle]) -> None:
    session = script("""
initialize()
request = read()
params = {"progressToken": request["id"], "progress": 1}
write(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}))
assert read()["method"] == "notifications/cancelled"
answer(read(), TEXT)
read()
""")

    def on_progress(params: dict[str, Any]) -> None:
        raise TimeoutError("the caller's own")

    with pytest.raises(TimeoutError, match="the caller's own"):
        session.call_tool("complete", {"prompt": "x"}, timeout=10, on_progress=on_progress)
    assert call(session) == "hi"


def test_half_a_line_is_never_followed_by_another(script: Callable[..., ServerHandle]) -> None:
    session = script("initialize(); time.sleep(1.5); answer(read(), TEXT); read()")
    session.start()
    first = connection(session)
    with pytest.raises(ServerTimeoutError):
        call(session, timeout=0.3, prompt="x" * 1_000_000)
    wait_until(lambda: not first.alive)
    assert first.exit_code == -signal.SIGKILL


def test_a_grandchild_does_not_outlive_its_server(script: Callable[..., ServerHandle]) -> None:
    body = """
initialize()
read()
if os.fork() == 0:
    os.close(1)
    os.close(2)
    time.sleep(60)
print(os.getpgid(0), file=sys.stderr)
os._exit(0)
"""
    with pytest.raises(ServerExitedError) as caught:
        call(script(body))
    group = int(caught.value.stderr.split()[-1])
    wait_until(lambda: not group_exists(group), 5)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_starts_a_server_of_its_own_and_leaves_the_parents_alone() -> None:
    with ServerHandle(ECHO) as session:
        pid = os.fork()
        if pid == 0:
            answer = call(session)
            session.close()
            os._exit(0 if answer == "hi" else 1)
        wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert connection(session).alive
        assert call(session) == "hi"
