"""Serve one provider: each message of a client is answered by the same protocol and service as on stdio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import protocol, tools
from mcp_models.servers.core.progress import with_progress
from mcp_models.servers.core.protocol import ToolCall
from mcp_models.servers.core.provider import Provider, server_info
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.telemetry.observation import CallObservation, observation_of, trace_fields
from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.streamable_http import era
from mcp_models.servers.streamable_http.authentication import Caller
from mcp_models.servers.streamable_http.exchange import Exchange
from mcp_models.servers.streamable_http.observer import Observation
from mcp_models.servers.streamable_http.refusal import Refusal

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import Message
    from mcp_models.servers.core.provider import OnText

PING_SECONDS = 15.0
"""How long a call may be silent before a stream begins, and how long a stream may be. nginx gives up after 60 s."""

SETTLE_SECONDS = 5.0
"""How long a call that was cancelled may take to hang up at the provider and to be written to the ledger."""


class Endpoint:
    """A provider at a path of its own.

    Args:
        provider: The provider.

    Attributes:
        path: The path, such as `/openai/mcp`.
        service: Carries out the calls.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.path = f"/{provider.name}/mcp"
        self.service = CompletionService(provider)

    async def answer(self, exchange: Exchange, body: bytes, caller: Caller, observation: Observation) -> None:
        """Answer a message.

        Args:
            exchange: The request, and where the answer goes.
            body: The request's body.
            caller: Who asks.
            observation: Is told what the message asks for, and what becomes of it.

        Raises:
            Refusal: The headers do not fit the body.
        """
        try:
            message = json_codec.decode(body)
        except ValueError:
            message = None  # `protocol.receive` says what is wrong
        observation.received(message)
        modern = era.is_modern(message, exchange.headers)
        if era.is_response(message) and not modern:
            await exchange.reply(202)
            return
        action = protocol.receive(body, self._identity())
        if isinstance(action, ToolCall):
            observation.call = observation_of(action, self.provider, caller.name)
            observation.call.linked_trace = trace_fields(exchange.headers)
            await exchange.unless_disconnected(self._answer_call(exchange, action, caller, observation.call))
        elif isinstance(action, dict):
            await exchange.reply(era.status_of(action, modern), action)
        else:  # a notification; a cancellation too, as an id means nothing beyond its own request here
            await exchange.reply(202)

    def _identity(self) -> protocol.Server:
        """Return what the protocol needs. It is new for each request, as one client's name must not become another's."""
        provider = self.provider
        return protocol.Server(
            info=server_info(provider),
            instructions=f"Use `complete` to ask a model of {provider.title}.",
            tools=lambda: tools.tools(provider, has_tasks=False),
            tool_names=tools.tool_names(provider.env),
            has_tasks=False,
        )

    async def _answer_call(self, exchange: Exchange, call: ToolCall, caller: Caller, observation: CallObservation) -> None:
        """Send the result as JSON if it comes soon, and before any progress. Otherwise stream: progress, pings, the result."""
        notes: asyncio.Queue[Message | None] = asyncio.Queue()
        work = asyncio.create_task(self._observed(call, caller, notes.put_nowait, observation))
        work.add_done_callback(lambda _: notes.put_nowait(None))
        try:
            while (note := await _next(notes)) is not None:
                await (exchange.event(note) if note else exchange.ping())
        finally:
            work.cancel()  # has no effect if it is done
            if not work.done():
                observation.ended(None)
                await asyncio.wait({work}, timeout=SETTLE_SECONDS)  # until then it counts as in flight, also at the end
        response = protocol.tool_response(call, await work, self._identity())
        if exchange.has_begun:
            await exchange.event(response)
            await exchange.end()
        else:
            await exchange.reply(200, response)

    async def _observed(
        self, call: ToolCall, caller: Caller, send: Callable[[Message], None], observation: CallObservation
    ) -> dict[str, Any]:
        """Carry out a call, and note how it ended."""
        name, budget = caller.name or call.client_name, caller.budget

        def ask(on_text: OnText) -> Awaitable[dict[str, Any]]:
            return self.service.call_tool(call.name, call.arguments, on_text, name, budget, observation)

        result = None
        try:
            result = await with_progress(call, send, ask)
            return result
        finally:
            observation.ended(result)


async def _next(notes: asyncio.Queue[Message | None]) -> Message | None:
    """Return the next notification, None at the end, or an empty one if nothing came for a while."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            return await notes.get()
    except TimeoutError:
        return {}


def check_method(exchange: Exchange) -> None:
    """Check that a request is a POST, as there is no stream to GET and no session to DELETE.

    Raises:
        Refusal: It is not (405).
    """
    if exchange.method != "POST":
        raise Refusal(405, "this server has no streams to GET and no sessions to DELETE: use POST", headers=[("allow", "POST")])
