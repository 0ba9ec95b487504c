"""Split a stream of bytes into lines, and write lines to a pipe without ever waiting for its reader."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The longest line to accept, so that no peer can fill the memory."""

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""How many bytes may wait for a peer to read them."""

HAS_POLL = hasattr(select, "poll")
"""Whether you can ask a pipe if it is ready. False on Windows, where a read or write may have to wait."""

_PIPE_BUF = getattr(select, "PIPE_BUF", 512)
_POLL_SECONDS = 0.2


class LineTooLongError(ValueError):
    """A line is longer than the limit. What has arrived of it is dropped."""


class LineBuffer:
    """Collect the chunks of a stream and return complete lines.

    Args:
        limit: The longest line to accept, in bytes. None means `MAX_LINE_BYTES`.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit or MAX_LINE_BYTES
        self._partial: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | LineTooLongError]:
        """Add a chunk and return the lines that it completes, without newlines and without blank lines.

        A line that is too long is reported once, as soon as that is known. The rest of it is skipped.
        """
        *complete, rest = chunk.split(b"\n")
        lines = [line for piece in complete if (line := self._completed(piece))]
        if self._overflows(rest):
            lines.append(self._too_long())
        return lines

    def rest(self) -> list[bytes | LineTooLongError]:
        """Return the last line if the stream ended without a newline. Call it at the end of the stream."""
        return [line] if (line := self._completed(b"")) else []

    def _overflows(self, piece: bytes) -> bool:
        """Keep a piece of the current line, and return whether the line has just become too long."""
        self._size += len(piece)
        if self._size <= self._limit:
            if piece:
                self._partial.append(piece)
            return False
        was_skipping, self._skipping = self._skipping, True
        self._partial = []
        return not was_skipping

    def _completed(self, piece: bytes) -> bytes | LineTooLongError:
        if not self._size and len(piece) <= self._limit:  # the usual case: the whole line is in one chunk
            return piece.strip()
        overflows = self._overflows(piece)
        line = b"".join(self._partial).strip()
        self._partial, self._size, self._skipping = [], 0, False
        return self._too_long() if overflows else line

    def _too_long(self) -> LineTooLongError:
        return LineTooLongError(f"a line of more than {self._limit:,} bytes")


class LineWriter:
    """Write lines to a file descriptor, and keep what its reader does not take yet. You can use it from any thread.

    Args:
        descriptor: Where to write. A blocking descriptor gets at most `PIPE_BUF` bytes at a time, and only when it is ready
            for that many, so that a write never waits.
        limit: How many bytes may wait. None means `MAX_UNREAD_BYTES`.
    """

    def __init__(self, descriptor: int, limit: int | None = None) -> None:
        self._descriptor, self._limit = descriptor, limit or MAX_UNREAD_BYTES
        self._at_once = _PIPE_BUF if HAS_POLL and os.get_blocking(descriptor) else None
        self._lock = threading.RLock()  # reentrant, as a signal handler may write while this thread does
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._failure: OSError | None = None
        self._ready = select.poll() if HAS_POLL else None
        if self._ready:
            self._ready.register(descriptor, select.POLLOUT)

    @property
    def unread(self) -> int:
        """How many bytes are waiting."""
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether more bytes are waiting than the limit allows."""
        return self._size > self._limit

    @property
    def failure(self) -> OSError | None:
        """The error that ended all writing, if there was one."""
        return self._failure

    def write(self, line: bytes) -> bool:
        """Write as much of a line as the reader takes now, and keep the rest.

        Returns:
            Whether everything is written.
        """
        self.put(line)
        return self.pump()

    def put(self, line: bytes) -> None:
        """Queue a line. Call `pump` or `flush` to write it, also from another thread."""
        with self._lock:
            if self._failure is None:
                self._waiting.append(memoryview(line))
                self._size += len(line)

    def pump(self) -> bool:
        """Write as much as the reader takes now, and return whether everything is written."""
        with self._lock:
            try:
                while self._waiting and self._takes(0):
                    self._write_some()
            except BlockingIOError:  # the pipe is full after all, and the peer has made it non-blocking
                pass
            except OSError as error:
                self._failure = error
                self._waiting.clear()
                self._size = 0
            return not self._waiting

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, and return whether it is. Give up after `seconds` without any progress."""
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
        """Return whether the pipe is ready. POSIX promises that you can then write `PIPE_BUF` bytes without waiting."""
        return self._ready is None or bool(self._ready.poll(seconds * 1000))
