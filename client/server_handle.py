"""Keep one MCP server at hand: start it on first use, and again after it has ended.

Any number of threads and coroutines may call its tools at once.
"""

from __future__ import annotations

import threading
import weakref

from mcp_models.client import fork_safety
from mcp_models.client.client_session import STOP_SECONDS, ClientSession
from mcp_models.client.errors import (
    ServerExitedError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.future import Future
from mcp_models.client.pending_call import begun
from mcp_models.servers.core.protocol import META_STREAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from mcp_models.client.client_session import OnProgress
    from mcp_models.client.pending_call import PendingCall

START_SECONDS = 30.0
"""How long a server may take to start, unless you say otherwise."""

LIST_SECONDS = 2.0
MAX_PAGES = 20


class ServerHandle:
    """A server that runs while it is needed, in whichever era of MCP it speaks.

    Args:
        command: The server's program and arguments.
        env: The server's whole environment; None means this process's.
        cwd: The folder it starts in; None means this process's folder at that time.
        start_timeout: Seconds the server may take to start and to answer the handshake.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        start_timeout: float = START_SECONDS,
    ) -> None:
        if not 0 < start_timeout < threading.TIMEOUT_MAX:
            raise ValueError(f"start_timeout: expected a number of seconds > 0, got {start_timeout!r}")
        self.command = list(command)
        self._env, self._cwd, self._start_timeout = env, cwd, start_timeout
        self._lock = threading.Lock()
        self._starting: Future | None = None
        self._session: ClientSession | None = None
        self._end_session: weakref.finalize[Any, ServerHandle] | None = None
        self._closed = 0
        self._parameters: dict[str, set[str] | None] = {}
        fork_safety.remember(self)

    @property
    def pid(self) -> int | None:
        """The process's id, while it runs."""
        session = self._session
        return session.pid if session is not None and session.alive else None

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""
        return self._session.in_flight if self._session is not None else 0

    def start(self) -> None:
        """Start the server and exchange the handshake, if it is not running.

        Raises:
            ServerStartError: The command cannot be started.
            ServerExitedError: The server ended before the handshake.
            ServerTimeoutError: The server did not answer the handshake in time.
            ServerProtocolError: The server answered with an error.
        """
        self._connect()

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> dict[str, Any]:
        """Call a tool and wait for its result.

        Args:
            name: The tool's name.
            arguments: Its arguments, JSON-serialisable.
            timeout: Seconds to wait; then the call is cancelled.
            on_progress: Takes the `params` of each progress notification, in another thread.
            stream: Whether the notifications shall carry the text as it comes (servers of mcp-models only).

        Returns:
            The `CallToolResult`.

        Raises:
            SessionError: The server could not be started, ended, timed out or broke the protocol.
        """
        return self.begin(name, arguments, on_progress=on_progress, stream=stream).wait(timeout)

    async def acall_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> dict[str, Any]:
        """Do what `call_tool` does, in a coroutine; cancelling it cancels the call."""
        pending = self.begin_nowait(name, arguments, on_progress=on_progress, stream=stream) or await begun(
            lambda: self.begin(name, arguments, on_progress=on_progress, stream=stream)
        )
        return await pending.await_(timeout)

    def begin(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> PendingCall:
        """Begin what `call_tool` does, and return without waiting for the result."""
        params = _call_params(name, arguments, stream)
        closed = self._closed
        session = self._connect()
        try:
            return session.request("tools/call", params, on_progress)
        except ServerExitedError:  # it has ended since the last call and has not seen this one
            if self._closed != closed:
                raise
            return self._connect().request("tools/call", params, on_progress)

    def begin_nowait(
        self, name: str, arguments: Mapping[str, Any], *, on_progress: OnProgress | None = None, stream: bool = False
    ) -> PendingCall | None:
        """Do what `begin` does, for an event loop; return None if it would have to wait for the server to start."""
        with self._lock:
            session = self._running()
        if session is None:
            return None
        try:
            return session.request("tools/call", _call_params(name, arguments, stream), on_progress)
        except ServerExitedError:
            return None

    def list_tools(self, timeout: float = START_SECONDS) -> list[dict[str, Any]]:
        """Return the server's tools, from all pages of its list.

        Args:
            timeout: Seconds that each page may take.
        """
        session = self._connect()
        tools: list[dict[str, Any]] = []
        params: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = session.request("tools/list", params).wait(timeout)
            found = page.get("tools")
            if not isinstance(found, list):
                raise ServerProtocolError("the server answered `tools/list` without a list of tools")
            tools += [tool for tool in found if isinstance(tool, dict)]
            if not (cursor := page.get("nextCursor")):
                break
            params = {"cursor": cursor}
        return tools

    def parameters(self, tool: str) -> set[str] | None:
        """Return the names of a tool's arguments, asked for once; None if the server does not tell them."""
        if tool not in self._parameters:
            if not self._connect().lists_tools:
                return None
            try:
                tools = self.list_tools(LIST_SECONDS)
            except (ServerTimeoutError, ServerProtocolError):  # it may still take the call
                tools = []
            self._parameters[tool] = next((_parameters(found) for found in tools if found.get("name") == tool), None)
        return self._parameters[tool]

    def close(self) -> None:
        """End the server; calls in flight raise `ServerExitedError`. The next call starts it again."""
        self._closed += 1
        if self._end_session is not None:
            self._end_session()

    def after_fork(self) -> None:
        """Leave the server to the parent; the next call starts one for this process."""
        self._lock, self._starting = threading.Lock(), None
        if self._session is not None and self._end_session is not None:
            self._end_session.detach()
            self._session.disown()
        self._session = self._end_session = None

    def __enter__(self) -> ServerHandle:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _connect(self) -> ClientSession:
        """Return the session; the first of those who need it starts it, and the others wait for the same outcome."""
        with self._lock:
            if (running := self._running()) is not None:
                return running
            starting, mine = self._starting, self._starting is None
            if starting is None:
                starting = self._starting = Future()
        if mine:
            self._start(starting)
        if not starting.wait(self._start_timeout + STOP_SECONDS * 3):
            raise ServerTimeoutError("another thread has been starting the server for too long")
        try:
            session: ClientSession = starting.result()
        except SessionError as error:
            raise error.again() from None
        return session

    def _running(self) -> ClientSession | None:
        """Return the session, if it works and nobody starts another; you hold the lock."""
        session = self._session
        return session if self._starting is None and session is not None and session.alive else None

    def _start(self, starting: Future) -> None:
        try:
            if self._end_session is not None:
                self._end_session()
            session = self._session = ClientSession(self.command, self._env, self._cwd)
            # Before the handshake, so that `close` ends a server that hangs in it. It ends a server that nobody closes, too.
            self._end_session = weakref.finalize(self, session.close)
            session.initialize(self._start_timeout)
        except BaseException as error:
            starting.fail(error if isinstance(error, SessionError) else ServerStartError(f"the start failed: {error!r}"))
            if not isinstance(error, SessionError):
                raise  # Ctrl-C
        else:
            starting.succeed(session)
        finally:
            with self._lock:
                self._starting = None


def _call_params(name: str, arguments: Mapping[str, Any], stream: bool) -> dict[str, Any]:
    params: dict[str, Any] = {"name": name, "arguments": dict(arguments)}
    if stream:
        params["_meta"] = {META_STREAM: True}
    return params


def _parameters(tool: dict[str, Any]) -> set[str] | None:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return set(properties) if isinstance(properties, dict) and properties else None
