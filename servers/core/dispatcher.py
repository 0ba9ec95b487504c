"""Run a server's calls in one event loop, each as a task that can be cancelled.

This module is imported on the first `tools/call`, because importing `asyncio` would slow down the handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import protocol, settings
from mcp_models.servers.core.log import start_logging
from mcp_models.servers.core.loop_transport import LoopTransport
from mcp_models.servers.core.progress import with_progress
from mcp_models.servers.core.protocol import Cancellation, ProtocolError, TaskRequest, ToolCall
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.tasks import extension
from mcp_models.servers.core.tasks.calls import TaskService
from mcp_models.servers.core.transport import json_codec

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from mcp_models.servers.core.protocol import RequestId
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.stdio import StdioServer
    from mcp_models.servers.core.telemetry.observation import CallObservation
    from mcp_models.servers.core.telemetry.traces import Traces
    from mcp_models.servers.core.transport.lines import LineTooLongError

MAX_CALLS = 1000
"""How many calls may be in flight. Further ones are refused."""

CLOSE_SECONDS = 0.5

FLUSH_SECONDS = 1.0
"""How long the end of stdin waits for spans to be sent, if calls are traced."""

GARBAGE_OBJECTS = 10_000
"""The garbage collector's first threshold. With Python's default of 700, a busy server spends 4 % of its time in it."""


def run(server: StdioServer, first: ToolCall) -> None:
    """Serve the first call and all further input in an event loop.

    Raises:
        ClientGoneError: stdout was closed.
        OutputError: stdout cannot be written.
        Stop: A signal arrived.
    """
    json_codec.use_msgspec(encoding=True)
    start_logging(server.provider.env)
    gc.disable()  # until the first call has ended, as it would scan the objects of an SDK's import again and again
    loop = asyncio.new_event_loop()
    dispatcher = Dispatcher(server)
    try:
        loop.run_until_complete(dispatcher.run(first))
    finally:  # a signal can stop the loop midway; closing it would wait for an import in a thread
        loop.run_until_complete(dispatcher.close())


class Dispatcher:
    """Run the calls of one server and send their responses.

    Args:
        server: The server, which holds the provider, the streams and the identity.
    """

    def __init__(self, server: StdioServer) -> None:
        self._server = server
        self._service = TaskService(CompletionService(server.provider))
        self._calls: dict[RequestId, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._traces = _traces() if settings.traces_wanted(server.provider.env) else None

    async def run(self, first: ToolCall) -> None:
        """Serve until stdin has ended and every call has been answered.

        Raises:
            ClientGoneError: stdout was closed.
            OutputError: stdout cannot be written.
        """
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._input_ended = False
        self._transport = LoopTransport(self._server.transport, self._on_line, self._on_end)
        self._begin(first)
        self._transport.start()
        await self._end
        if self._traces is not None:
            traces, self._traces = self._traces, None  # `close` needs not wait once more
            await traces.flush(FLUSH_SECONDS)

    async def close(self) -> None:
        """Abort the calls in flight and close the provider, within `CLOSE_SECONDS`."""
        self._transport.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._service.aclose()
                if self._traces is not None:
                    await self._traces.flush(CLOSE_SECONDS)

    def _on_line(self, line: bytes | LineTooLongError) -> None:
        action = self._server.received(line)
        if isinstance(action, ToolCall):
            self._begin(action)
        elif isinstance(action, TaskRequest):
            self._transport.send(extension.answer(action, self._service.tasks, self._server.identity))
        elif isinstance(action, Cancellation):
            self._cancel(action.id)
        elif action is not None:
            self._transport.send(action)

    def _on_end(self, error: BaseException | None) -> None:
        self._input_ended = True
        if error is None:
            self._end_if_idle()
        elif not self._end.done():
            self._end.set_exception(error)

    def _end_if_idle(self) -> None:
        if self._input_ended and not self._tasks and not self._end.done():
            self._end.set_result(None)

    def _begin(self, call: ToolCall) -> None:
        refusal = ""
        if call.id in self._calls:
            refusal = "id: already in use"
        elif len(self._tasks) >= MAX_CALLS:
            refusal = f"{MAX_CALLS:,} calls are in flight: wait until one of them has ended"
        if refusal:
            error = ProtocolError(protocol.INVALID_REQUEST, refusal, None, call.id)
            self._transport.send(protocol.error_response(error))
            return
        task = self._calls[call.id] = asyncio.get_running_loop().create_task(self._serve(call))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._after(call, done))

    def _after(self, call: ToolCall, task: asyncio.Task[None]) -> None:
        _collect_garbage()
        self._tasks.discard(task)
        if self._calls.get(call.id) is task:
            del self._calls[call.id]
        if not task.cancelled() and (error := task.exception()):
            self._on_end(error)
        self._end_if_idle()

    def _cancel(self, request_id: RequestId) -> None:
        """Abort a call and send nothing more for it. An unknown id is ignored."""
        if task := self._calls.pop(request_id, None):
            task.cancel()

    async def _serve(self, call: ToolCall) -> None:
        result = await (self._answer(call) if self._traces is None else self._traced(call, self._traces))
        if self._calls.get(call.id) is asyncio.current_task():  # otherwise it was cancelled just now
            del self._calls[call.id]  # before sending, as the client may reuse the id once it has the response
            self._transport.send(protocol.tool_response(call, result, self._server.identity))

    async def _traced(self, call: ToolCall, traces: Traces) -> dict[str, Any]:
        from mcp_models.servers.core.telemetry.observation import observation_of

        observation, result = observation_of(call, self._server.provider), None
        try:
            result = await self._answer(call, observation)
            return result
        finally:
            observation.ended(result)
            traces.ended(observation)

    async def _answer(self, call: ToolCall, observation: CallObservation | None = None) -> dict[str, Any]:
        handle = extension.created if call.has_tasks else None

        def ask(on_text: OnText) -> Awaitable[dict[str, Any]]:
            return self._service.call_tool(call.name, call.arguments, on_text, call.client_name, handle, observation)

        return await with_progress(call, self._transport.send, ask)


def _collect_garbage() -> None:
    """Switch the collector on again after the first call. What that call imported stays for good, so it is never scanned."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        gc.enable()


def _traces() -> Traces:
    from mcp_models.servers.core.telemetry.traces import Traces

    return Traces()
