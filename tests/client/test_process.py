"""A server process: who reads its stdout, what is written to its stdin, and its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcp_models.client import process
from mcp_models.client.errors import ServerExitedError
from mcp_models.client.process import ServerProcess
from tests.peer import wait_until

CAT = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line); sys.stdout.buffer.flush()
    while line == b"flood\\n":
        sys.stdout.buffer.write(b"x" * 1000 + b"\\n")
"""
DEAF = "import time; time.sleep(60)"

Start = Callable[..., "Watched"]


class Watched(ServerProcess):
    """A process, and what came of it: each line with the thread that read it, and its end."""

    def __init__(self, script: str, on_line: Callable[[bytes], None] | None = None) -> None:
        self.lines: list[tuple[bytes, int]] = []
        self.waiting = 0
        self.ends: list[ServerExitedError] = []
        self._also = on_line
        super().__init__([sys.executable, "-c", script], None, None, self._line, self.ends.append, lambda: self.waiting == 0)

    def _line(self, line: bytes) -> None:
        if self._also:
            self._also(line)
        self.lines.append((line, threading.get_ident()))

    def ask(self) -> int:
        """Has a line echoed, reading as one who waits for an answer does; which thread read it."""
        expected = len(self.lines) + 1
        self.write(b"x\n", 5)
        self.read(lambda: len(self.lines) == expected, 5)
        wait_until(lambda: len(self.lines) == expected)
        return self.lines[-1][1]

    def read_by(self) -> int:
        """Has a line echoed, for which nobody waits; which thread read it."""
        seen = len(self.lines)
        self.write(b"x\n", 5)
        wait_until(lambda: len(self.lines) > seen)
        return self.lines[-1][1]

    def ask_until_read_by(self, thread: int) -> None:
        wait_until(lambda: self.ask() == thread)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts processes whose reader's thread stands by for as long as a test may take."""
    monkeypatch.setattr(process, "STANDBY_SECONDS", 60)
    monkeypatch.setattr(process, "READ_SECONDS", 5)
    started = []

    def start(*arguments: Any) -> Watched:
        started.append(Watched(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop(0.1)


def test_a_thread_that_waits_for_an_answer_reads_it_itself(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    assert [cat.ask() for _ in range(50)] == [threading.get_ident()] * 50


def test_the_readers_thread_reads_again_after_a_while(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STANDBY_SECONDS", 0.5)
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    assert cat.read_by() != threading.get_ident()


def test_the_readers_thread_reads_at_once_for_who_cannot(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    seen = len(cat.lines)
    cat.write(b"x\n", 5)
    cat.attend()
    wait_until(lambda: len(cat.lines) > seen)


def test_the_readers_thread_takes_over_where_another_answer_is_waited_for(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    cat.waiting = 1
    cat.ask()
    assert cat.read_by() != threading.get_ident()


def test_a_wait_that_is_longer_is_the_readers_threads(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_SECONDS", 0.01)
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    cat.waiting = 1
    cat.read(lambda: False, 60)
    assert cat.read_by() != threading.get_ident()


def test_a_flood_keeps_nobody_who_waits_for_an_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_SECONDS", 0.1)
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    seen = len(cat.lines)
    cat.write(b"flood\n", 5)
    cat.read(lambda: False, 60)
    assert len(cat.lines) > seen
    assert cat.lines[-1][1] == threading.get_ident()


def test_an_end_is_noticed_while_nobody_reads(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    cat._process.kill()
    wait_until(lambda: bool(cat.ends))
    assert cat.exit_code == -9


def test_an_end_is_noticed_by_the_thread_that_reads(start: Start) -> None:
    once = start("import sys; [print(sys.stdin.readline(), end='', flush=True) for _ in range(3)]")
    once.waiting = 1
    once.write(b"x\nx\nx\n", 5)
    once.read(lambda: False, 60)
    wait_until(lambda: bool(once.ends))
    assert len(once.lines) == 3


def test_nobody_reads_what_was_closed(start: Start) -> None:
    cat = start(CAT)
    cat.stop(5)
    wait_until(lambda: bool(cat.ends))
    cat.read(lambda: pytest.fail("read"), 60)


def test_ctrl_c_in_the_middle_of_what_may_be_others_answers_ends_the_server(start: Start) -> None:
    """It is lost then; the others are told so, rather than left to wait for it."""
    here = threading.get_ident()

    def interrupted(_line: bytes) -> None:
        if threading.get_ident() == here:
            raise KeyboardInterrupt

    cat = start(CAT, interrupted)
    with pytest.raises(KeyboardInterrupt):
        cat.ask_until_read_by(here)
    wait_until(lambda: bool(cat.ends))
    assert cat.exit_code == -9


def test_ctrl_c_before_anything_came_ends_nothing(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cat.read(interrupted, 60)
    assert cat.ask() == threading.get_ident()


def test_a_thread_that_has_reason_to_stop_leaves_what_has_come_to_the_readers(start: Start) -> None:
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    cat.waiting, seen = 1, len(cat.lines)
    reasons = iter([False, True])
    cat.write(b"x\n", 5)
    cat.read(lambda: next(reasons), 60)
    wait_until(lambda: len(cat.lines) > seen)
    assert cat.lines[-1][1] != threading.get_ident()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signals_handler_may_ask_while_its_thread_waits(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READ_SECONDS", 0.5)
    cat = start(CAT)
    cat.ask_until_read_by(threading.get_ident())
    asked: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: asked.append(cat.ask()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        cat.read(lambda: bool(asked), 60)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert asked == [threading.get_ident()]


INTERRUPTED = """
import os, random, signal, threading, time
from mcp_models.client import EchoMCPModel
model = EchoMCPModel()
model.call("x")
process, wanted = model.session._current[0]._process, threading.Semaphore(0)
def interrupt():
    while True:
        wanted.acquire()
        time.sleep(random.random() * 0.001)  # any moment will do
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
for _ in range(200):
    for _ in range(2):  # so that the reader's thread stands by
        model.call("x", timeout=1)
    try:
        wanted.release()
        while True:
            process.read(lambda: True, 1)
    except KeyboardInterrupt:
        pass
print(model.call("still there", timeout=1)["output"])
"""


def test_ctrl_c_leaves_no_lock_behind() -> None:
    """Between two statements as well: there is nothing but such moments here."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "still there\n", done.stderr


def test_a_line_is_written_at_once_or_not_at_all(start: Start) -> None:
    cat, deaf = start(CAT), start(DEAF)
    assert cat.write_at_once(b"x\n")
    wait_until(lambda: [line for line, _ in cat.lines] == [b"x"])
    assert not cat.write_at_once(b"x" * 5000 + b"\n")  # more than a pipe takes whole
    written = 0
    while deaf.write_at_once(b"x" * 4095 + b"\n"):
        written += 1
    assert 0 < written < 1000
    assert deaf.alive


def test_nothing_is_written_at_once_after_the_end_or_beside_another_writer(start: Start) -> None:
    cat = start(CAT)
    with cat._write_lock, ThreadPoolExecutor(1) as another:
        assert not another.submit(cat.write_at_once, b"x\n").result(5)
    cat.stop(5)
    assert not cat.write_at_once(b"x\n")
