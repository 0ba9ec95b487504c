"""`mcp-models tape record` between a host and a server: neither notices, and all of it is on the tape."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcp_models.client.tapes import recorder
from mcp_models.client.tapes.tape_file import TapeWriter, read_tape
from mcp_models.servers.core import redaction
from tests.peer import Peer, call, wait_until

COMMAND = [sys.executable, "-P", "-m", "mcp_models.client.commands", "tape"]

ODD = """
import os, signal, sys
os.write(2, b"to stderr\\n")
for line in sys.stdin.buffer:
    os.write(1, b"  <" + line.strip() + b">\\r\\n half a ")
    os.write(1, b"line\\n\\n\\xff\\n")
    if line == b"die\\n":
        os.kill(os.getpid(), signal.SIGKILL)
os.write(1, b"no newline at the end")
sys.exit(7)
"""

WAITS = """
import signal, sys, threading
def stop(number, frame):
    print(f"got {number}", flush=True)
    sys.exit(3)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, stop)
print("ready", flush=True)
threading.Event().wait()
"""


def recording(tape: Path, *server: str) -> list[str]:
    return [*COMMAND, "record", str(tape), "--", *server]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


@pytest.mark.parametrize(("sent", "code"), [(b"a\n\xff{\r\n\nlast", 7), (b"a\ndie\n", -signal.SIGKILL)])
def test_every_byte_passes_and_the_end_is_the_servers(tape: Path, sent: bytes, code: int) -> None:
    bare, taped = (
        subprocess.run(command, input=sent, capture_output=True, timeout=20)
        for command in ([sys.executable, "-c", ODD], recording(tape, sys.executable, "-c", ODD))
    )
    assert (taped.returncode, taped.stdout, taped.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert taped.returncode == code
    read = read_tape(tape)
    assert list(read.exits.values()) == [code]
    assert next(line.raw for line in read.lines if line.source == "client") == b"a"
    assert [line.raw for line in read.lines if line.source == "server"][:2] == [b"<a>", b"half a line"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_server_once(tape: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        recording(tape, sys.executable, "-c", WAITS), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"got %d\n" % number
        assert process.wait(20) == 3


def test_a_host_that_has_gone_is_noticed_by_the_server_though_its_stdin_is_open(tape: Path) -> None:
    command = recording(tape, sys.executable, "-m", "mcp_models.servers.echo_mcp_server")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
        process.stdout.close()
        assert process.wait(20) == 0
    assert [line.source for line in read_tape(tape).lines] == ["client", "server"]


@pytest.mark.parametrize("where", ["missing/folder/tape", "/dev/full"])
def test_a_tape_that_cannot_be_written_is_one_warning_and_no_disturbance(tmp_path: Path, where: str) -> None:
    with Peer(*recording(tmp_path / where, sys.executable, "-m", "mcp_models.servers.echo_mcp_server")) as peer:
        peer.initialize()
        for number in (1, 2):
            assert peer.ask(call(number, {"prompt": "a"}))["result"]["content"][0]["text"] == "a"
        peer.close_stdin()
        assert peer.exit_code() == 0
        wait_until(lambda: b"without a tape" in peer.stderr)
    assert peer.stderr.count(b"\n") == 1


def test_a_disk_that_does_not_keep_up_ends_the_tape_and_not_the_session(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, said = threading.Event(), io.StringIO()
    monkeypatch.setattr(recorder, "MAX_WAITING_BYTES", 100)
    monkeypatch.setattr(TapeWriter, "write", lambda *_: goes_on.wait(20))
    thread = recorder.TapeThread(str(tape), ["server"], said)
    for _ in range(5):
        thread.take("client", b"a line of 50 bytes".ljust(49) + b"\n")
    goes_on.set()
    thread.end(0)
    assert said.getvalue().count("\n") == 1
    assert "more than 100 bytes wait to be written. The session goes on without a tape." in said.getvalue()


def test_a_key_of_the_servers_environment_is_left_out_whatever_its_variable_and_option(tape: Path) -> None:
    environment = {**os.environ, "SOME_TOKEN": "a-value-to-keep", "WHATEVER": "sk-looks-like-a-key-0123"}
    said = b'{"a":"a-value-to-keep","b":"sk-looks-like-a-key-0123","c":"of-an-option"}\n'
    server = [sys.executable, "-c", "print(input())", "--api-key", "of-an-option"]
    done = subprocess.run(recording(tape, *server), input=said, env=environment, capture_output=True, timeout=20)
    assert done.stdout == said
    content = tape.read_bytes()
    assert content.count(b"[redacted]") == 7
    for secret in (b"a-value-to-keep", b"0123", b"of-an-option"):
        assert secret not in content


@pytest.mark.parametrize(
    "argument", ["SOME_PAT=a-value-to-keep", "--env=SOME_TOKEN=a-value-to-keep", "X-API-Key: a-value-to-keep"]
)
def test_a_key_in_a_setting_of_the_servers_command_is_protected(argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    recorder._protect_options(["docker", "run", "-e", argument, "image", "--format=something-else", "--bypass=something-else"])
    assert redaction._known == ["a-value-to-keep"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("GITHUB_PAT", "a-value-to-keep"), ("DB_PASS", "a-value-to-keep"), ("DB", "postgresql://me:a-value-to-keep@host/db")],
)
def test_a_key_in_a_variable_that_is_not_called_one_is_protected(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    monkeypatch.setenv(name, value)
    recorder._protect_values()
    assert "a-value-to-keep" in redaction._known


def test_a_server_that_is_not_there_is_said_as_a_shell_says_it(tape: Path) -> None:
    done = subprocess.run(
        recording(tape, "no-such-server"), capture_output=True, timeout=20, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 127
    assert done.stderr == "mcp-models tape: cannot start 'no-such-server': No such file or directory\n"
    assert not tape.exists()


def test_what_was_recorded_is_said_again_by_the_tape_and_what_was_not_is_not(tape: Path) -> None:
    lines = []
    for command in (
        recording(tape, sys.executable, "-m", "mcp_models.servers.echo_mcp_server"),
        [*COMMAND, "replay", str(tape)],
    ):
        with Peer(*command) as peer:
            peer.initialize()
            peer.send(call("x", {"prompt": "one two three"}, progressToken="t", **{"mcp-models/stream": True}))
            peer.close_stdin()
            lines.append(peer.rest())
            assert peer.exit_code() == 0
    assert lines[0] == lines[1]
    assert len(lines[0]) > 2
    with Peer(*COMMAND, "replay", str(tape)) as peer:
        assert peer.ask(call(1, {"prompt": "four"}))["result"]["isError"] is True
        peer.close_stdin()
        assert peer.exit_code() == 1
        wait_until(lambda: b"The nearest recording" in peer.stderr)


def test_nothing_of_click_is_imported_on_the_way_to_a_handshake(tape: Path) -> None:
    code = "import sys, os; sys.argv = ['mcp-models', *%r]\nfrom mcp_models.client.commands import main\n"
    code += "end = os._exit\nos._exit = lambda code: (os.write(2, ' '.join(sys.modules).encode()), end(code))\nmain()"
    for words in (["tape", "record", str(tape), "--", "true"], ["tape", "replay", str(tape)]):
        done = subprocess.run(
            [sys.executable, "-c", code % words], capture_output=True, timeout=20, text=True, stdin=subprocess.DEVNULL
        )
        loaded = done.stderr.split()
        assert "mcp_models.client.tapes.tape_file" in loaded, done.stderr
        assert not {"click", "asyncio", "rich", "dataclasses"} & set(loaded)


@pytest.mark.slow
def test_a_recorded_round_trip_takes_little_longer_than_a_bare_one(tape: Path) -> None:
    def seconds(command: list[str]) -> float:
        with Peer(*command) as peer:
            peer.initialize()
            peer.ask(call(0, {"prompt": "a"}))
            started = time.perf_counter()
            for number in range(1, 301):
                peer.ask(call(number, {"prompt": "a"}))
            return (time.perf_counter() - started) / 300

    server = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
    bare, taped = min(seconds(server) for _ in range(2)), min(seconds(recording(tape, *server)) for _ in range(2))
    assert taped < bare + 0.005, (bare, taped)
