"""Reserve a server's stdin and stdout for the protocol, and notice when nobody reads stdout any more.

Both descriptors are moved first. After that, whatever a library prints goes to stderr, and no child process can read the
server's input.
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
"""How long a host may read nothing while output is left at the end, in seconds."""


class ClientGoneError(Exception):
    """Nobody reads stdout any more."""


class OutputError(Exception):
    """stdout cannot be written, although somebody may be waiting for the answers."""


class StdioTransport:
    """The standard streams of this process, reserved for the protocol.

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
        """Yield the lines that were read and not taken yet."""
        while self._lines:
            yield self._lines.popleft()

    def wait(self) -> None:
        """Wait until lines have arrived, stdin has ended, or a signal has.

        Raises:
            ClientGoneError: stdout was closed.
            OutputError: stdout cannot be written.
        """
        if not HAS_POLL:
            self.read()
            return
        poller = select.poll()
        poller.register(self.wakeup, select.POLLIN)
        if not self._writer.is_full:  # if it is full, the host has to read first
            poller.register(self.input, select.POLLIN)
        poller.register(self.output, select.POLLOUT if self._writer.unread else 0)  # a hang-up is always reported
        ready = dict(poller.poll())
        if self.wakeup in ready:
            self.drain_wakeup()
        if self.output in ready:
            self._writer.pump()
        self.check(bool(ready.get(self.output, 0) & ~select.POLLOUT))
        if self.input in ready:
            self.read()

    def drain_wakeup(self) -> None:
        """Empty the wake-up pipe after a signal. Python runs the signal's handler meanwhile."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, CHUNK_BYTES)

    def read(self) -> None:
        """Read one chunk of input. Call it only when input is ready, or where waiting does no harm."""
        try:
            chunk = os.read(self.input, CHUNK_BYTES)
        except BlockingIOError:  # the host has made the pipe non-blocking
            return
        self._lines += self._buffer.feed(chunk) if chunk else self._buffer.rest()
        self.ended = not chunk

    def send(self, message: dict[str, Any]) -> None:
        """Send one message without waiting for the host to read it. If this fails, `check` raises the error."""
        self._writer.write(json_codec.encode(message))

    def pump(self) -> bool:
        """Write what the host had not read before, and return whether everything is written."""
        return self._writer.pump()

    @property
    def unread(self) -> int:
        """How many bytes are waiting for the host to read them."""
        return self._writer.unread

    @property
    def is_full(self) -> bool:
        """Whether more bytes are waiting than the limit allows."""
        return self._writer.is_full

    @property
    def failed(self) -> bool:
        """Whether writing has failed for good."""
        return self._writer.failure is not None

    def check(self, hung_up: bool | None = None) -> None:
        """Raise an error if stdout cannot be used any more.

        Args:
            hung_up: Whether the reader has gone. None means to ask the system.

        Raises:
            ClientGoneError: stdout has no reader.
            OutputError: stdout cannot be written.
        """
        failure = self._writer.failure
        if isinstance(failure, (BrokenPipeError, ConnectionResetError)):
            raise ClientGoneError
        if failure is not None:
            raise OutputError(f"stdout cannot be written: {failure.strerror}")
        if self._has_hung_up() if hung_up is None else hung_up:
            raise ClientGoneError

    def flush(self) -> None:
        """Wait until everything is written.

        Raises:
            ClientGoneError: Nobody reads stdout any more.
            OutputError: stdout cannot be written, or the host read nothing for `FLUSH_SECONDS`.
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
    """Open a pipe that signals write to, so that they wake the main thread even if the system delivers them to another."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _fill_descriptors() -> set[int]:
    """Open the null device as 0, 1 and 2 wherever the host left them closed, and return which ones were."""
    missing = set()
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
        missing.add(descriptor)
    os.close(descriptor)
    return missing
