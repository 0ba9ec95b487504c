"""Owns file descriptors 0 and 1: lines in, messages out, and the knowledge of whether anybody still reads them.

The descriptors are moved out of the way first: what any library prints goes to stderr, and a child process cannot eat the
input. A writer thread takes over where the client does not read fast enough, so that sending never blocks the reader.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections import deque

from mcp_models.servers.core import redaction, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CHUNK = 1 << 16
_HAS_POLL = hasattr(select, "poll")  # not on Windows, where the pipes are read and written blindly


class ClientGone(Exception):
    """Nobody reads stdout any more."""


class Channel:
    """This process's standard streams, taken over for the protocol."""

    def __init__(self) -> None:
        self._input, self._output = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        try:
            os.dup2(2, 1)
        except OSError:  # the host closed stderr
            os.dup2(null, 1)
        os.close(null)
        if sys.stderr:
            sys.stdout = sys.stderr = redaction.RedactedStream(sys.stderr)
        redaction.protect_environment()
        self._broken = False
        self._lock = threading.Lock()
        self._backlog: deque[bytes] = deque()
        self._sent = threading.Condition(self._lock)
        self._writer: threading.Thread | None = None

    def lines(self) -> Iterator[bytes]:
        """The lines of stdin, blank ones left out, until its end; a last line needs no newline.

        Raises:
            ClientGone: stdout was closed meanwhile.
        """
        partial: list[bytes] = []
        while chunk := self._read():
            *complete, rest = chunk.split(b"\n")
            for line in complete:
                partial.append(line)
                if joined := b"".join(partial).strip():
                    yield joined
                partial = []
            if rest:
                partial.append(rest)
        if joined := b"".join(partial).strip():
            yield joined

    def send(self, message: dict[str, Any]) -> None:
        """Sends one message; safe to call from any thread, and never waits for the client.

        A broken stdout is noticed here and reported by `lines` and `check_reader`, which the main thread runs.
        """
        line = wire.encode(message)
        with self._lock:
            if self._broken:
                return
            if self._backlog or not self._takes(len(line)):
                self._backlog.append(line)
                self._start_writer()
                return
            self._write(line)

    def flush(self) -> None:
        """Waits until all is written or nobody reads."""
        with self._sent:
            while self._backlog and not self._broken:
                self._sent.wait(0.1)

    def check_reader(self) -> None:
        """Raises `ClientGone` if stdout has no reader."""
        if self._broken or (_HAS_POLL and self._poll(self._output, 0, 0)):
            raise ClientGone

    def _read(self) -> bytes:
        if _HAS_POLL:
            poller = select.poll()
            poller.register(self._input, select.POLLIN)
            poller.register(self._output, 0)  # errors and hang-ups are reported unasked
            ready = dict(poller.poll())
            if self._broken or self._output in ready:
                raise ClientGone
        return os.read(self._input, _CHUNK)

    def _takes(self, size: int) -> bool:
        """Whether a write of `size` bytes is sure not to block: POSIX promises it for PIPE_BUF bytes on a writable pipe."""
        if not _HAS_POLL:
            return True
        return size <= select.PIPE_BUF and bool(self._poll(self._output, select.POLLOUT, 0) & select.POLLOUT)

    @staticmethod
    def _poll(descriptor: int, events: int, timeout: int) -> int:
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
                view = view[os.write(self._output, view) :]
        except OSError:
            self._broken = True
