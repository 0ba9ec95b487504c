"""Takes over a server's stdin and stdout for the protocol, and notices when nobody is left to read.

The descriptors are moved out of the way first: what any library prints goes to stderr, and a child process cannot eat the
input.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections import deque

from mcp_models.servers.core import redaction
from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.core.transport.lines import HAS_POLL, LineBuffer, LineTooLongError, LineWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CHUNK_BYTES = 1 << 16

FLUSH_SECONDS = 60.0
"""How long a host may take to read anything of what is left at the end."""


class ClientGoneError(Exception):
    """Nobody reads stdout any more."""


class OutputError(Exception):
    """stdout cannot be written, though somebody may be waiting for the answers."""


class StdioTransport:
    """This process's standard streams.

    Attributes:
        input: The descriptor of stdin.
        output: The descriptor of stdout.
        ended: Whether stdin has ended.

    Raises:
        OutputError: The process was started without a stdout.
    """

    def __init__(self) -> None:
        missing = _fill_descriptors()
        self.input, self.output = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null if 2 in missing else 2, 1)
        os.close(null)
        sys.stdout = sys.stderr = redaction.RedactedLog(2)
        redaction.protect_environment()
        if 1 in missing:
            raise OutputError("stdout is closed: start the server with a pipe to read its answers from")
        self.ended = False
        self._buffer = LineBuffer()
        self._lines: deque[bytes | LineTooLongError] = deque()
        self._writer = LineWriter(self.output)
        self.wakeup = _open_wakeup()

    def take(self) -> Iterator[bytes | LineTooLongError]:
        """Yield the lines that have come and were not taken yet."""
        while self._lines:
            yield self._lines.popleft()

    def wait(self) -> None:
        """Wait until lines have come, stdin has ended, or a signal's handler has something to say.

        Raises:
            ClientGoneError: stdout was closed.
            OutputError: stdout cannot be written.
        """
        if not HAS_POLL:
            self.read()
            return
        poller = select.poll()
        poller.register(self.wakeup, select.POLLIN)
        if not self._writer.is_full:  # else the host reads first
            poller.register(self.input, select.POLLIN)
        poller.register(self.output, select.POLLOUT if self._writer.unread else 0)  # a hang-up is reported unasked
        ready = dict(poller.poll())
        if self.wakeup in ready:
            self.drain_wakeup()
        if self.output in ready:
            self._writer.pump()
        self.check(bool(ready.get(self.output, 0) & ~select.POLLOUT))
        if self.input in ready:
            self.read()

    def drain_wakeup(self) -> None:
        """Read what a signal has written; its handler runs meanwhile."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, CHUNK_BYTES)

    def read(self) -> None:
        """Read what has come, which must not have to be waited for."""
        try:
            chunk = os.read(self.input, CHUNK_BYTES)
        except BlockingIOError:  # the host made the pipe non-blocking
            return
        self._lines += self._buffer.feed(chunk) if chunk else self._buffer.rest()
        self.ended = not chunk

    def send(self, message: dict[str, Any]) -> None:
        """Send one message, without waiting for the host to read it; a failure is `check`'s to report."""
        self._writer.write(json_codec.encode(message))

    def pump(self) -> bool:
        """Write what the host did not read before, and return whether all is written."""
        return self._writer.pump()

    @property
    def unread(self) -> int:
        """How many bytes wait for the host to read them."""
        return self._writer.unread

    @property
    def is_full(self) -> bool:
        """Whether more waits for the host to read than may."""
        return self._writer.is_full

    @property
    def failed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._writer.failure is not None

    def check(self, hung_up: bool | None = None) -> None:
        """Raise `ClientGoneError` if stdout has no reader, `OutputError` if it cannot be written.

        Args:
            hung_up: Whether the reader has gone; None to ask the system.
        """
        failure = self._writer.failure
        if isinstance(failure, (BrokenPipeError, ConnectionResetError)):
            raise ClientGoneError
        if failure is not None:
            raise OutputError(f"stdout cannot be written: {failure.strerror}")
        if self._has_hung_up() if hung_up is None else hung_up:
            raise ClientGoneError

    def flush(self) -> None:
        """Wait until all is written.

        Raises:
            ClientGoneError: Nobody reads any more.
            OutputError: It cannot be written, or the host reads nothing for `FLUSH_SECONDS`.
        """
        done = self._writer.flush(FLUSH_SECONDS)
        self.check()
        if not done:
            raise OutputError(f"the host read nothing for {FLUSH_SECONDS:g} s")

    def _has_hung_up(self) -> bool:
        if not HAS_POLL:
            return False
        poller = select.poll()
        poller.register(self.output, 0)
        return bool(poller.poll(0))


def _open_wakeup() -> int:
    """Open a pipe that a signal writes to: the system may deliver one to another thread, and a wait would go on."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _fill_descriptors() -> set[int]:
    """Open the null device wherever the host left 0, 1 or 2 closed, and return where."""
    missing = set()
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
        missing.add(descriptor)
    os.close(descriptor)
    return missing
