"""Turns a stream of bytes into lines, and writes lines to a pipe without ever waiting for its reader."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The most bytes of one line, so that no peer can fill the memory."""

MAX_UNREAD_BYTES = 256 * 1024 * 1024
"""The most bytes that may wait for a peer to read them."""

HAS_POLL = hasattr(select, "poll")
"""False on Windows, where pipes are read and written blindly."""

_PIPE_BUF = getattr(select, "PIPE_BUF", 512)
_POLL_SECONDS = 0.2


class LineTooLongError(ValueError):
    """A line has more bytes than `MAX_LINE_BYTES`; what has come of it is dropped."""


class LineBuffer:
    """Collects the chunks of a stream and gives back whole lines.

    Args:
        limit: The most bytes of one line; None means `MAX_LINE_BYTES`.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit or MAX_LINE_BYTES
        self._partial: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | LineTooLongError]:
        """Take in a chunk and return the lines that it completes, without their newlines; blank ones are left out.

        A line that is too long is reported once, as soon as that is known; the rest of it is passed over.
        """
        *complete, rest = chunk.split(b"\n")
        lines = [line for piece in complete if (line := self._completed(piece))]
        if self._overflows(rest):
            lines.append(self._too_long())
        return lines

    def rest(self) -> list[bytes | LineTooLongError]:
        """Return the last line, which needs no newline, at the stream's end."""
        return [line] if (line := self._completed(b"")) else []

    def _overflows(self, piece: bytes) -> bool:
        """Keep a piece of the line, and return whether the line has just become too long."""
        self._size += len(piece)
        if self._size <= self._limit:
            if piece:
                self._partial.append(piece)
            return False
        was_skipping, self._skipping = self._skipping, True
        self._partial = []
        return not was_skipping

    def _completed(self, piece: bytes) -> bytes | LineTooLongError:
        if not self._size and len(piece) <= self._limit:  # the usual line, all in one chunk
            return piece.strip()
        overflows = self._overflows(piece)
        line = b"".join(self._partial).strip()
        self._partial, self._size, self._skipping = [], 0, False
        return self._too_long() if overflows else line

    def _too_long(self) -> LineTooLongError:
        return LineTooLongError(f"a line of more than {self._limit:,} bytes")


class LineWriter:
    """Writes lines to a descriptor, from any thread, and keeps what its reader does not take yet.

    Args:
        descriptor: Where to write. If it is blocking, it is written to only when it is sure to take `PIPE_BUF` bytes, and
            no more than that at a time.
        limit: The most bytes that may wait; None means `MAX_UNREAD_BYTES`.
    """

    def __init__(self, descriptor: int, limit: int | None = None) -> None:
        self._descriptor, self._limit = descriptor, limit or MAX_UNREAD_BYTES
        self._at_once = _PIPE_BUF if HAS_POLL and os.get_blocking(descriptor) else None
        self._lock = threading.RLock()  # a signal handler may write while this thread does
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._failure: OSError | None = None
        self._ready = select.poll() if HAS_POLL else None
        if self._ready:
            self._ready.register(descriptor, select.POLLOUT)

    @property
    def unread(self) -> int:
        """How many bytes wait."""
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether more waits than may."""
        return self._size > self._limit

    @property
    def failure(self) -> OSError | None:
        """Why nothing can be written any more, if that is so."""
        return self._failure

    def write(self, line: bytes) -> bool:
        """Write a line, as far as the reader takes it, and keep the rest.

        Returns:
            Whether all is written.
        """
        self.put(line)
        return self.pump()

    def put(self, line: bytes) -> None:
        """Keep a line for `pump` or `flush`, which may be another thread's to call."""
        with self._lock:
            if self._failure is None:
                self._waiting.append(memoryview(line))
                self._size += len(line)

    def pump(self) -> bool:
        """Write what waits, as far as the reader takes it now, and return whether all is written."""
        with self._lock:
            try:
                while self._waiting and self._takes(0):
                    self._write_some()
            except BlockingIOError:  # full after all; the peer made the pipe non-blocking
                pass
            except OSError as error:
                self._failure = error
                self._waiting.clear()
                self._size = 0
            return not self._waiting

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, `seconds` at the most without any progress, and return whether it is."""
        size, deadline = self._size, time.monotonic() + seconds
        while not self.pump():
            if self._size < size:
                size, deadline = self._size, time.monotonic() + seconds
            if time.monotonic() >= deadline:
                return False
            self._takes(_POLL_SECONDS)
        return self._failure is None

    def _write_some(self) -> None:
        view = self._waiting[0]
        written = os.write(self._descriptor, view[: self._at_once])
        self._size -= written
        if written == len(view):
            self._waiting.popleft()
        else:
            self._waiting[0] = view[written:]

    def _takes(self, seconds: float) -> bool:
        """Return whether `PIPE_BUF` bytes can be written without waiting, which POSIX promises of a pipe that is ready."""
        return self._ready is None or bool(self._ready.poll(seconds * 1000))
