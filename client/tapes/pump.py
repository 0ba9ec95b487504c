"""Copy bytes from one descriptor to another in a thread, as they come, and notice when nobody reads them any more."""

from __future__ import annotations

import os
import select
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 1 << 16

_HAS_POLL = hasattr(select, "poll")


class Pump:
    """Copy from a source to a target until either has ended, and then close both.

    Args:
        source: The descriptor to read.
        target: The descriptor to write.
        take: Called with each chunk before it is passed on, and with an empty one at the end.
    """

    def __init__(self, source: int, target: int, take: Callable[[bytes], None]) -> None:
        self._source, self._target, self._take = source, target, take
        self._busy, self._moved = False, time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"copy {source} to {target}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def settle(self, silent: float, at_most: float) -> None:
        """Wait until the source has ended or has been silent for a while.

        Args:
            silent: For how many seconds.
            at_most: How many seconds to wait in all.
        """
        deadline, since = time.monotonic() + at_most, time.monotonic()
        while self._thread.is_alive() and time.monotonic() < deadline:
            if not self._busy and time.monotonic() - max(self._moved, since) > silent:
                return
            self._thread.join(silent / 10)

    def _run(self) -> None:
        try:
            while chunk := self._read():
                self._busy = True
                self._take(chunk)
                self._write(chunk)
                self._moved, self._busy = time.monotonic(), False
        except OSError:  # the reader has gone
            pass
        self._busy = False
        self._take(b"")
        _close(self._source)
        _close(self._target)

    def _read(self) -> bytes:
        """Return the next chunk. It is empty if the source has ended, or if nobody reads the target any more."""
        while True:
            if _HAS_POLL and not self._is_readable():
                return b""
            try:
                return os.read(self._source, CHUNK_BYTES)
            except BlockingIOError:  # another process has made the pipe non-blocking
                continue

    def _is_readable(self) -> bool:
        """Wait for the source, and return False if the target's reader has gone before."""
        poller = select.poll()
        poller.register(self._source, select.POLLIN)
        poller.register(self._target, 0)  # a hang-up is always reported
        ready = dict(poller.poll())
        return self._source in ready and self._target not in ready

    def _write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            try:
                view = view[os.write(self._target, view) :]
            except BlockingIOError:
                poller = select.poll()
                poller.register(self._target, select.POLLOUT)
                poller.poll()


def _close(descriptor: int) -> None:
    """Close a descriptor. Standard streams get the null device instead, so that no other file takes their number."""
    if descriptor > 2:
        os.close(descriptor)
        return
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
