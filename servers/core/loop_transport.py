"""Connect a server's stdin and stdout to an event loop, and notice when nobody reads stdout any more."""

from __future__ import annotations

import asyncio
import contextlib
import select
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core.transport.stdio import ClientGoneError, OutputError, StdioTransport

if TYPE_CHECKING:
    from mcp_models.servers.core.transport.lines import LineTooLongError

CHECK_SECONDS = 0.25
"""How often to check that stdout still has a reader, on systems that do not report a hang-up."""


class LoopTransport:
    """A server's standard streams, read and written by an event loop.

    Args:
        transport: The standard streams.
        on_line: Called with each line.
        on_end: Called with None when stdin has ended, or with the error if something failed.
    """

    def __init__(
        self,
        transport: StdioTransport,
        on_line: Callable[[bytes | LineTooLongError], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        self._transport, self._on_line, self._on_end = transport, on_line, on_end
        self._loop = asyncio.get_running_loop()
        self._is_reading = self._is_writing = False
        self._thread: _ReadingThread | None = None
        self._watch: asyncio.TimerHandle | select.epoll | None = None

    def start(self) -> None:
        """Handle the lines that were already read, and start to wait for more."""
        with contextlib.suppress(OSError, NotImplementedError):  # Windows cannot do this
            self._loop.add_reader(self._transport.wakeup, self._transport.drain_wakeup)
        self._watch_for_hang_up()
        self._take()

    def stop(self) -> None:
        """Stop waiting for input, output and hang-ups."""
        if self._is_reading and self._thread is None:
            self._loop.remove_reader(self._transport.input)
        if self._is_writing:
            self._loop.remove_writer(self._transport.output)
        if isinstance(self._watch, asyncio.TimerHandle):
            self._watch.cancel()
        elif self._watch is not None:
            self._loop.remove_reader(self._watch.fileno())
            self._watch.close()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message, without waiting for the host to read it."""
        self._transport.send(message)
        if self._is_writing or self._transport.unread or self._transport.failed:
            self._update()

    def _take(self) -> None:
        """Pass on the lines that have arrived."""
        try:
            for line in self._transport.take():
                self._on_line(line)
        except Exception as error:
            self._on_end(error)
            return
        if self._transport.ended or not self._is_reading or self._transport.is_full:
            self._update()
        if self._transport.ended:
            self._on_end(None)

    def _read(self) -> None:
        self._transport.read()
        self._take()

    def _write(self) -> None:
        self._transport.pump()
        self._update()

    def _update(self) -> None:
        """Wait for what is due: output while some is unsent, and input unless the host is far behind with reading."""
        try:
            self._transport.check(hung_up=False)
        except (ClientGoneError, OutputError) as error:
            self._on_end(error)
        wants_writing = self._transport.unread > 0
        if wants_writing and not self._is_writing:
            self._loop.add_writer(self._transport.output, self._write)
        elif self._is_writing and not wants_writing:
            self._loop.remove_writer(self._transport.output)
        self._is_writing = wants_writing
        self._update_reading(not self._transport.ended and not self._transport.is_full)

    def _update_reading(self, wanted: bool) -> None:
        if self._thread is not None:
            self._thread.resume(wanted)
        elif wanted and not self._is_reading:
            try:
                self._loop.add_reader(self._transport.input, self._read)
            except (OSError, NotImplementedError):  # stdin is a file, or this is Windows
                self._thread = _ReadingThread(self._transport, self._loop, self._take)
        elif self._is_reading and not wanted:
            self._loop.remove_reader(self._transport.input)
        self._is_reading = wanted

    def _watch_for_hang_up(self) -> None:
        """Notice when stdout is closed: with an epoll that the loop waits for, or else with a check every `CHECK_SECONDS`."""
        if hasattr(select, "epoll"):
            self._watch = select.epoll()
            with contextlib.suppress(PermissionError):  # stdout is a file, which has no reader to lose
                self._watch.register(self._transport.output, 0)
            self._loop.add_reader(self._watch.fileno(), self._check)
        else:
            self._watch = self._loop.call_later(CHECK_SECONDS, self._check_again)

    def _check_again(self) -> None:
        self._check()
        self._watch = self._loop.call_later(CHECK_SECONDS, self._check_again)

    def _check(self) -> None:
        try:
            self._transport.check()
        except (ClientGoneError, OutputError) as error:
            if isinstance(self._watch, select.epoll):
                self._loop.remove_reader(self._watch.fileno())
            self._on_end(error)


class _ReadingThread:
    """Read stdin for a loop that cannot. Each chunk is handled before the next one is read."""

    def __init__(self, transport: StdioTransport, loop: asyncio.AbstractEventLoop, take: Callable[[], None]) -> None:
        self._transport, self._loop, self._take = transport, loop, take
        self._may_read = threading.Event()
        self._may_read.set()
        threading.Thread(target=self._run, name="stdin", daemon=True).start()

    def resume(self, wanted: bool) -> None:
        """Let the thread read the next chunk, if more is wanted. Call it after each chunk."""
        if wanted:
            self._may_read.set()

    def _run(self) -> None:
        while not self._transport.ended:
            self._may_read.wait()
            self._may_read.clear()
            self._transport.read()
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._take)
