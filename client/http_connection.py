"""Connect to an MCP server over HTTP with the official SDK's client. Its import is slow, so it happens in a thread only."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import mcp_types
from mcp import Client, MCPError
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from pydantic import TypeAdapter, ValidationError

from mcp_models.client.errors import (
    ServerExitedError,
    ServerProtocolError,
    ServerStartError,
    SessionError,
    SessionForgottenError,
)
from mcp_models.client.http_session import THREAD_NAME
from mcp_models.servers.core import __version__
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.core.settings import is_loopback

CONNECT_SECONDS = 10.0
"""How long a connection may take to come about."""

GOODBYE_SECONDS = 1.0
"""How long the server may take to end a session. Without that, one that never answers would keep our thread for ever."""

MOST_CONNECTIONS = 1000
"""How many calls to one address may be in flight. Further ones wait."""

UNREACHABLE, LOST = -32011, -32012
"""The codes of errors that stand for a connection that did not come about, or that was lost before there was a response."""

MAX_QUOTE = 500
"""How many characters of a server's words an error may quote."""

_RESULT: Any = TypeAdapter(dict[str, Any])


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Return whether another thread logs. The SDK logs what it cannot read, which may be a model's answer, with a traceback.

    All of that reaches the caller as an error.
    """
    return record.threadName != THREAD_NAME


for _name in ("client", "mcp.client.session", "mcp.client.streamable_http", "mcp.shared.jsonrpc_dispatcher"):
    logging.getLogger(_name).addFilter(_is_not_ours)


class Connection:
    """A connection after its handshake.

    Attributes:
        server_name: How the server names itself. Empty if it does not.
        lists_tools: Whether the server says that it has tools.
    """

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        info, capabilities = session.server_info, session.server_capabilities
        self.server_name = info.name if info else ""
        self.lists_tools = capabilities is not None and capabilities.tools is not None

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its result as it came. Cancelling this closes the POST, which stops the work.

        Raises:
            SessionError: The server refused it, was lost, or broke the protocol.
        """
        try:
            if method == "tools/list":  # the SDK remembers what headers the tools want
                listed = await self._session.list_tools(params=mcp_types.PaginatedRequestParams.model_validate(params))
                return listed.model_dump(by_alias=True, mode="json", exclude_unset=True)
            request = mcp_types.CallToolRequest(params=mcp_types.CallToolRequestParams.model_validate(params))
            result: dict[str, Any] = await self._session.send_request(request, _RESULT)
            return result
        except (MCPError, ValidationError) as error:
            raise session_error(error) from None


@asynccontextmanager
async def connected(url: str, token: str | None, on_progress: Callable[[dict[str, Any]], None]) -> AsyncIterator[Connection]:
    """Connect, do the handshake of 2026-07-28 or else of an older revision, and disconnect at the end.

    Args:
        url: The server's address.
        token: A bearer token.
        on_progress: Called with the `params` of each progress notification.
    """

    async def on_message(message: Any) -> None:
        if isinstance(message, mcp_types.ProgressNotification):
            on_progress(message.params.model_dump(by_alias=True, mode="json", exclude_unset=True))

    is_plain = is_loopback(url) and url.lower().startswith("http:")  # needs no proxy and no SSL_CERT_FILE
    headers = {"authorization": f"Bearer {token}"} if token else {}
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=100)
    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)  # a call has a deadline of its own
    async with ContainedClient(headers=headers, timeout=timeout, limits=limits, trust_env=not is_plain) as http:
        client = Client(
            streamable_http_client(url, http_client=http, max_sse_event_size=None),
            mode="auto",
            message_handler=on_message,
            client_info=mcp_types.Implementation(name="mcp-models", version=__version__),
            cache=None,
        )
        async with client:
            if client.session.initialize_result is not None and http.was_turned_away:
                # A refusal that has passed since must not leave us with a revision in which nothing can be cancelled.
                raise ServerExitedError("the server could not be asked for its protocol version: try again")
            yield Connection(client.session)


class ContainedClient(httpx2.AsyncClient):
    """An HTTP client whose failed requests fail alone. To the SDK, a lost connection would be the end of all calls.

    Attributes:
        was_turned_away: Whether a request was answered by a server that was too busy, or that could not be reached.
    """

    was_turned_away = False

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request. If that fails, return a response with a JSON-RPC error."""
        if request.method == "DELETE":
            request.extensions = {**request.extensions, "timeout": httpx2.Timeout(GOODBYE_SECONDS).as_dict()}
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError as error:
            self.was_turned_away = True
            code = UNREACHABLE if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)) else LOST
            said = {"code": code, "message": f"{type(error).__name__}: {error}".removesuffix(": ")}
            return httpx2.Response(503, json={"jsonrpc": "2.0", "id": None, "error": said}, request=request)
        self.was_turned_away |= response.status_code == 429 or response.status_code >= 500
        if options.get("stream"):
            response.stream = _Contained(response.stream)
        return response


class _Contained(httpx2.AsyncByteStream):
    """A response's body that ends where its connection was lost. The SDK then fails this one request."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except httpx2.TransportError:
            return

    async def aclose(self) -> None:
        await self._stream.aclose()


def session_error(error: BaseException) -> SessionError:
    """Return the bridge's error for one of the SDK's."""
    if isinstance(error, BaseExceptionGroup):
        return session_error(error.exceptions[0])
    if isinstance(error, SessionError):
        return error
    if not isinstance(error, MCPError):
        kind = "answered with what is no MCP" if isinstance(error, ValidationError) else "could not be asked"
        return ServerProtocolError(f"the server {kind} ({type(error).__name__})")
    code, said = error.error.code, redact(error.error.message)
    said = said if len(said) <= MAX_QUOTE else f"{said[:MAX_QUOTE]}…"
    if said == "Session terminated":  # the SDK's words for a 404 where there was a session
        return SessionForgottenError("the server has forgotten this session: ask again")
    if code == UNREACHABLE:
        return ServerStartError(f"the server cannot be reached: {said}")
    if code in (LOST, mcp_types.CONNECTION_CLOSED):
        return ServerExitedError(f"the connection was lost before the answer had come: {said}")
    return ServerProtocolError(f"the server refused the request: {said} ({code})")
