"""Owns the calls in flight: one event loop in a thread of its own, a task a call, progress, cancellation, the drain.

Imported with the first `tools/call`: `asyncio` and what lies behind it have no part in the handshake.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import protocol, wire
from mcp_models.servers.core.call import Caller
from mcp_models.servers.core.protocol import ProtocolError, Server, ToolCall
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.redaction import RedactedText

if TYPE_CHECKING:
    from mcp_models.servers.core.channel import Channel
    from mcp_models.servers.core.protocol import RequestId

HEARTBEAT = 3.0
"""Seconds between two signs of life while a model thinks."""

GARBAGE_OBJECTS = 10_000
"""How many objects gather before the garbage collector looks for cycles: Python's 700 cost a busy server 4 % of its time."""

TEXT_INTERVAL = 0.25
"""The fewest seconds between two notifications about text, for hosts that did not ask for every piece."""


class Calls:
    """The calls of one server.

    Args:
        provider: Who answers them.
        server: Its identity, for the responses.
        send: Takes a message for the client; called from the loop's thread.
    """

    def __init__(self, provider: Provider, server: Server, send: Callable[[protocol.Message], None]) -> None:
        self._provider, self._server, self._send = provider, server, send
        self._caller = Caller(provider)
        wire.use_msgspec(encoding=True)
        gc.disable()  # until a first call has ended: it would go through what an SDK's import makes, again and again
        self._tasks: dict[RequestId, asyncio.Task[None]] = {}
        self._pending = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
        self._thread.start()

    def read_from(self, channel: Channel, receive: Callable[[bytes], None]) -> bool:
        """Reads the channel in the loop's thread from now on, if the system can wait for its stdin in a loop.

        Args:
            channel: Where the lines come from.
            receive: Takes each line.

        Returns:
            Whether it does; a file, for one, cannot be waited for.
        """
        reading: Future[bool] = Future()

        def read() -> None:
            try:
                for line in channel.read():
                    receive(line)
            except BaseException as fault:
                channel.fail(fault)
                raise
            if channel.ended:
                self._loop.remove_reader(channel.input)

        def begin() -> None:
            try:
                self._loop.add_reader(channel.input, read)
                reading.set_result(True)
            except (OSError, NotImplementedError):
                reading.set_result(False)

        self._loop.call_soon_threadsafe(begin)
        return reading.result()

    def start(self, call: ToolCall) -> None:
        """Begins a call; its response goes to `send`."""
        with self._changed:
            self._pending += 1
        self._in_loop(self._begin, call)

    def cancel(self, request_id: RequestId) -> None:
        """Aborts a call, of which nothing more is heard; an unknown id is ignored."""
        self._in_loop(self._cancel, request_id)

    def _in_loop(self, work: Callable[[Any], None], argument: Any) -> None:
        if threading.get_ident() == self._thread.ident:
            work(argument)
        else:
            self._loop.call_soon_threadsafe(work, argument)

    def warm(self) -> None:
        """Imports what the first call needs, in a thread of its own."""
        threading.Thread(target=self._provider.warm, name="warm", daemon=True).start()

    def wait_until_idle(self, timeout: float) -> bool:
        """Waits until no call is in flight, `timeout` seconds at the most; says whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0, timeout)

    def close(self, timeout: float) -> None:
        """Aborts all calls and closes the provider, within `timeout` seconds."""
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            closing.result(timeout)
        except TimeoutError:
            closing.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _begin(self, call: ToolCall) -> None:
        if call.id in self._tasks:
            self._send(protocol.error_response(ProtocolError(protocol.INVALID_REQUEST, "id: already in use", None, call.id)))
            self._done()
            return
        task = self._tasks[call.id] = self._loop.create_task(self._serve(call))
        task.add_done_callback(lambda done: self._end(call, done))

    def _end(self, call: ToolCall, task: asyncio.Task[None]) -> None:
        _collect_garbage()
        if self._tasks.get(call.id) is task:
            del self._tasks[call.id]
        self._done()

    def _done(self) -> None:
        with self._changed:
            self._pending -= 1
            self._changed.notify_all()

    def _cancel(self, request_id: RequestId) -> None:
        if task := self._tasks.pop(request_id, None):
            task.cancel()

    async def _serve(self, call: ToolCall) -> None:
        if call.progress_token is None:
            result = await self._caller.call_tool(call.name, call.arguments, _ignore)
        else:
            result = await self._with_progress(call)
        if self._tasks.get(call.id) is asyncio.current_task():  # else it was cancelled on the last step
            del self._tasks[call.id]  # before the response is out: then the client may use the id again
            self._send(protocol.tool_response(call, result, self._server))

    async def _with_progress(self, call: ToolCall) -> dict[str, Any]:
        progress = Progress(call, self._send)
        heartbeat = self._loop.create_task(progress.beat())
        try:
            result = await self._caller.call_tool(call.name, call.arguments, progress.on_text)
        finally:
            heartbeat.cancel()
        progress.finish()
        return result

    async def _close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._provider.aclose()


class Progress:
    """The progress notifications of one call: seconds since its start, which always increase.

    Args:
        call: A call with a `progressToken`.
        send: Takes each notification.
    """

    def __init__(self, call: ToolCall, send: Callable[[protocol.Message], None]) -> None:
        self._call, self._send = call, send
        self._started = time.monotonic()
        self._last = 0.0
        self._text = RedactedText()
        self._characters = 0

    def on_text(self, text: str) -> None:
        """Reports new text: every piece to a caller that streams, else now and then."""
        self._characters += len(text)
        if self._call.stream:
            if shown := self._text.feed(text):
                self._notify(shown)
        elif self._elapsed() - self._last >= TEXT_INTERVAL or self._last == 0:
            self._notify()

    def finish(self) -> None:
        """Reports the end of a streamed text."""
        if rest := self._text.rest():
            self._notify(rest)

    async def beat(self) -> None:
        """Reports for ever that the call is alive, whenever nothing else has for a while."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            if self._elapsed() - self._last >= HEARTBEAT * 0.9:
                self._notify()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _notify(self, delta: str | None = None) -> None:
        self._last = max(round(self._elapsed(), 3), round(self._last + 0.001, 3))
        what = f"{self._characters:,} characters received" if self._characters else "waiting for the model"
        self._send(protocol.progress(self._call, self._last, f"{what}, {self._last:.0f} s", delta))


def _collect_garbage() -> None:
    """Switches the collector on again, once the first call has imported what it needs; that is there to stay."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        gc.enable()


def _ignore(text: str) -> None:
    pass
