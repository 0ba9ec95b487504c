"""Owns file descriptors 0, 1 and 2: lines in, messages out, a log, and the knowledge of whether anybody still reads them.

The descriptors are moved out of the way first: what any library prints goes to stderr, and a child process cannot eat the
input. A writer thread takes over where the client does not read fast enough, so that sending never blocks the reader.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections import deque

from mcp_models.servers.core import redaction, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_CHUNK = 1 << 16
_HAS_POLL = hasattr(select, "poll")  # not on Windows, where the pipes are read and written blindly


class ClientGone(Exception):
    """Nobody reads stdout any more."""


class OutputFailed(Exception):
    """stdout cannot be written, though somebody may be waiting for the answers."""


class Channel:
    """This process's standard streams, taken over for the protocol.

    Attributes:
        input: The descriptor of stdin.
        successor: Called once, between two reads: begins to read in another thread, or says that it cannot.
        watched: Whether another thread reads.
        ended: Whether stdin has ended for it.

    Raises:
        OutputFailed: The process was started without a stdout.
    """

    def __init__(self) -> None:
        missing = _fill_descriptors()
        self.input, self._output = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null if 2 in missing else 2, 1)
        os.close(null)
        sys.stdout = sys.stderr = redaction.RedactedLog(2)
        redaction.protect_environment()
        if 1 in missing:
            raise OutputFailed("stdout is closed: start the server with a pipe to read its answers from")
        self.ended = self.watched = False
        self.successor: Callable[[], bool] | None = None
        self._fault: BaseException | None = None
        self._partial: list[bytes] = []
        self._failure: OSError | None = None
        self._lock = threading.Lock()
        self._backlog: deque[bytes] = deque()
        self._sent = threading.Condition(self._lock)
        self._writer: threading.Thread | None = None
        self._wakeup = self._open_wakeup()
        if _HAS_POLL:
            self._sources, self._sink = select.poll(), select.poll()
            self._sources.register(self.input, select.POLLIN)
            self._sources.register(self._wakeup, select.POLLIN)
            self._sources.register(self._output, 0)  # errors and hang-ups are reported unasked
            self._sink.register(self._output, select.POLLOUT)

    def lines(self) -> Iterator[bytes]:
        """The lines of stdin, blank ones left out, until its end or until `successor` reads them.

        Raises:
            ClientGone: stdout was closed meanwhile.
            OutputFailed: stdout could not be written.
        """
        while chunk := self._read():
            yield from self._split(chunk)
            successor, self.successor = self.successor, None
            if successor is not None and successor():
                self._sources.unregister(self.input)
                self.watched = True
                return
        yield from self._rest()

    def read(self) -> list[bytes]:
        """The lines that have come, for the thread that reads in place of `lines`."""
        try:
            chunk = os.read(self.input, _CHUNK)
        except BlockingIOError:  # the host made the pipe non-blocking
            return []
        if chunk:
            return list(self._split(chunk))
        self.ended = True
        os.write(self._waking, b"\0")
        return list(self._rest())

    def watch(self) -> None:
        """Waits for the end of stdin, if another thread reads it.

        Raises:
            ClientGone: stdout was closed meanwhile.
            OutputFailed: stdout could not be written.
        """
        while self.watched and not self.ended:
            self._wait()

    def fail(self, fault: BaseException) -> None:
        """Has the main thread end with a fault of the thread that reads."""
        self._fault = fault
        os.write(self._waking, b"\0")

    def _split(self, chunk: bytes) -> Iterator[bytes]:
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            self._partial.append(line)
            joined = b"".join(self._partial).strip()
            self._partial = []
            if joined:
                yield joined
        if rest:
            self._partial.append(rest)

    def _rest(self) -> Iterator[bytes]:
        """A last line, which needs no newline."""
        joined, self._partial = b"".join(self._partial).strip(), []
        if joined:
            yield joined

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message; safe to call from any thread, and never waits for the client.

        A broken stdout is noticed here and reported by `lines` and `check_reader`, which the main thread runs.
        """
        line = wire.encode(message)
        with self._lock:
            if self._failure is not None:
                return
            if self._backlog or not self._takes(len(line)):
                self._backlog.append(line)
                self._start_writer()
                return
            self._write(line)

    def flush(self) -> None:
        """Waits until all is written or nobody reads."""
        with self._sent:
            while self._backlog and self._failure is None:
                self._sent.wait(0.1)
        self._raise_failure()

    def check_reader(self) -> None:
        """Raises `ClientGone` if stdout has no reader, `OutputFailed` if it cannot be written."""
        self._raise_failure()
        if _HAS_POLL and self._poll(self._output, 0, 0):
            raise ClientGone

    def _read(self) -> bytes:
        if not _HAS_POLL:
            return os.read(self.input, _CHUNK)
        while self.input not in self._wait():
            pass
        return os.read(self.input, _CHUNK)

    def _wait(self) -> dict[int, int]:
        """Waits until something happens to stdin or stdout, or a signal comes."""
        ready = dict(self._sources.poll())
        self._raise_failure()
        if self._output in ready:
            raise ClientGone
        if self._wakeup in ready:
            os.read(self._wakeup, _CHUNK)  # a signal's handler runs now, or a failure was reported above
        return ready

    def _open_wakeup(self) -> int:
        """A pipe that a signal writes to: the system may deliver one to another thread, and `poll` would sleep on."""
        reading, self._waking = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(self._waking, False)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        return reading

    def _takes(self, size: int) -> bool:
        """Whether a write of `size` bytes is sure not to block: POSIX promises it for PIPE_BUF bytes on a writable pipe."""
        if not _HAS_POLL:
            return True
        if size > select.PIPE_BUF:
            return False
        ready = self._sink.poll(0)  # with the lock held: one poll object serves one thread at a time
        return bool(ready and ready[0][1] & select.POLLOUT)

    @staticmethod
    def _poll(descriptor: int, events: int, timeout: int | None) -> int:
        poller = select.poll()
        poller.register(descriptor, events)
        ready = poller.poll(timeout)
        return ready[0][1] if ready else 0

    def _start_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_backlog, name="writer", daemon=True)
            self._writer.start()
        self._sent.notify_all()

    def _write_backlog(self) -> None:
        while True:
            with self._sent:
                self._sent.wait_for(lambda: bool(self._backlog))
                line = self._backlog[0]
            self._write(line)
            with self._sent:
                self._backlog.popleft()
                self._sent.notify_all()

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                try:
                    view = view[os.write(self._output, view) :]
                except BlockingIOError:  # the host made the pipe non-blocking
                    self._poll(self._output, select.POLLOUT, None)
        except OSError as error:
            self._failure = error
            os.write(self._waking, b"\0")  # the main thread reports it

    def _raise_failure(self) -> None:
        if self._fault is not None:
            raise self._fault
        if isinstance(self._failure, (BrokenPipeError, ConnectionResetError)):
            raise ClientGone
        if self._failure is not None:
            raise OutputFailed(f"stdout cannot be written: {self._failure.strerror}")


def _fill_descriptors() -> set[int]:
    """Opens the null device wherever the host left 0, 1 or 2 closed, and says where."""
    missing = set()
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
        missing.add(descriptor)
    os.close(descriptor)
    return missing
