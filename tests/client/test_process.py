"""A server process: its output, its input and its end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_models.client import process
from mcp_models.client.errors import ServerExitedError, ServerTimeoutError
from mcp_models.client.process import ServerProcess
from mcp_models.servers.core.transport.lines import LineTooLongError
from tests.peer import wait_until

CAT = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line); sys.stdout.buffer.flush()
"""
DEAF = "import time; time.sleep(60)"
READS_LATE = "import sys, time; time.sleep(0.5); sys.stdout.buffer.write(sys.stdin.buffer.readline()); sys.stdout.flush()"

Start = Callable[..., "Watched"]


class Watched(ServerProcess):
    """A process that records its lines and its end."""

    def __init__(self, script: str) -> None:
        self.lines: list[bytes | LineTooLongError] = []
        self.ends: list[ServerExitedError] = []
        super().__init__([sys.executable, "-c", script], None, None, self.lines.append, self.ends.append)


@pytest.fixture
def start() -> Iterator[Start]:
    started = []

    def start(*arguments: Any) -> Watched:
        started.append(Watched(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop(0.1)


def test_lines_come_in_the_order_in_which_they_were_written(start: Start) -> None:
    cat = start(CAT)
    for number in range(1000):
        cat.write(b"%d\n" % number)
    wait_until(lambda: len(cat.lines) == 1000)
    assert cat.lines == [b"%d" % number for number in range(1000)]


def test_writing_never_waits_for_a_server_that_does_not_read(start: Start) -> None:
    deaf = start(DEAF)
    started = time.monotonic()
    for _ in range(20):
        deaf.write(b"x" * 1_000_000 + b"\n")
    assert time.monotonic() - started < 1
    assert deaf.unsent > 10_000_000


def test_a_line_of_many_pipes_arrives_whole(start: Start) -> None:
    late = start(READS_LATE)
    late.write(b"x" * 3_000_000 + b"\n")
    wait_until(lambda: bool(late.lines))
    assert late.lines == [b"x" * 3_000_000]


def test_what_waits_for_a_server_is_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_UNSENT_BYTES", 1_000_000)
    deaf = start(DEAF)
    deaf.write(b"x" * 2_000_000)
    with pytest.raises(ServerTimeoutError, match="does not read its stdin"):
        deaf.write(b"x")


def test_a_line_without_end_is_kept_nowhere(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_LINE_BYTES", 100_000)
    endless = start("import sys; sys.stdout.write('x' * 500_000 + '\\nshort\\n'); sys.stdout.flush(); sys.stdin.read()")
    wait_until(lambda: len(endless.lines) == 2)
    assert isinstance(endless.lines[0], LineTooLongError)
    assert endless.lines[1] == b"short"


def test_its_end_is_told_once_with_its_exit_code_and_last_words(start: Start) -> None:
    failing = start("import sys; print('goodbye', file=sys.stderr); sys.exit(3)")
    wait_until(lambda: bool(failing.ends))
    (error,) = failing.ends
    assert (error.exit_code, error.stderr) == (3, "goodbye")
    with pytest.raises(ServerExitedError):
        failing.write(b"x\n")


def test_what_was_asked_before_the_end_is_written_first(start: Start) -> None:
    late = start(READS_LATE)
    late.write(b"x" * 500_000 + b"\n")
    late.stop(5)
    assert late.lines == [b"x" * 500_000]
    assert late.exit_code == 0


def test_stopping_is_bounded_although_it_does_not_read(start: Start) -> None:
    deaf = start(DEAF)
    deaf.write(b"x" * 1_000_000)
    started = time.monotonic()
    deaf.stop(0.1)
    assert time.monotonic() - started < 2
    assert deaf.exit_code is not None
    assert not [thread for thread in threading.enumerate() if str(deaf.pid) in thread.name]


INTERRUPTED = """
import os, random, signal, threading, time
from mcp_models.client import EchoMCPModel
model = EchoMCPModel()
model.call("x")
pid, others = model.server.pid, []
def another():
    while len(others) < 1000:
        others.append(model.call("other", timeout=5)["output"])
working = threading.Thread(target=another)
working.start()
wanted = threading.Semaphore(0)
def interrupt():
    while True:
        wanted.acquire()
        time.sleep(random.random() * 0.001)  # any moment will do
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
for _ in range(200):
    try:
        wanted.release()
        while True:
            model.call("x", timeout=5)
    except KeyboardInterrupt:
        pass
working.join()
print(model.call("still there", timeout=5)["output"], set(others), model.server.pid == pid)
"""


def test_ctrl_c_leaves_no_lock_behind_and_ends_nobody_elses_call() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "still there {'other'} True\n", done.stderr
