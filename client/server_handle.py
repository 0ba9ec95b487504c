"""Run one MCP server while you need it: start it on first use, and again after it has ended.

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
    from typing import Any, TypeAlias

    from mcp_models.client.http_session import HTTPSession
    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress

    Session: TypeAlias = ClientSession | HTTPSession

START_SECONDS = 30.0
"""How many seconds a server may take to start, unless you say otherwise."""

LIST_SECONDS = 2.0
MAX_PAGES = 20


class ServerHandle:
    """An MCP server that runs while you need it. It may speak either era of the protocol.

    Args:
        command: The server's program and arguments.
        env: The server's whole environment. None means that of this process.
        cwd: The folder to start the server in. None means the current folder at that time.
        start_timeout: Seconds that the server may take to start and to answer the handshake.
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
        self._session: Session | None = None
        self._end_session: weakref.finalize[Any, ServerHandle] | None = None
        self._closed = 0
        self._parameters: dict[str, set[str] | None] = {}
        fork_safety.remember(self)

    @property
    def pid(self) -> int | None:
        """The process's id. None while it is not running."""
        session = self._session
        return session.pid if session is not None and session.alive else None

    @property
    def in_flight(self) -> int:
        """How many calls are waiting for their answer."""
        return self._session.in_flight if self._session is not None else 0

    def start(self) -> None:
        """Start the server and do the handshake, unless it is running already.

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
            arguments: The tool's arguments, which must be JSON-serialisable.
            timeout: Seconds to wait. After that the call is cancelled.
            on_progress: Called with the `params` of each progress notification, in another thread.
            stream: Whether the notifications should contain the text as it arrives. Only servers of mcp-models can do this.

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
        """Call a tool as `call_tool` does, but as a coroutine. Cancelling it cancels the call."""
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
        """Start a call of a tool, and return without waiting for the result."""
        params = _call_params(name, arguments, stream)
        closed = self._closed
        session = self._connect()
        try:
            return session.request("tools/call", params, on_progress)
        except ServerExitedError:  # it ended after the last call, so it has not seen this one
            if self._closed != closed:
                raise
            return self._connect().request("tools/call", params, on_progress)

    def begin_nowait(
        self, name: str, arguments: Mapping[str, Any], *, on_progress: OnProgress | None = None, stream: bool = False
    ) -> PendingCall | None:
        """Start a call as `begin` does, but never block an event loop: return None if the server has to be started first."""
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
            timeout: How many seconds each page may take.
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
        """Return the names of a tool's arguments, or None if the server does not tell. The server is asked only once."""
        if tool not in self._parameters:
            if not self._connect().lists_tools:
                return None
            try:
                tools = self.list_tools(LIST_SECONDS)
            except (ServerTimeoutError, ServerProtocolError):  # the tool may still work
                tools = []
            self._parameters[tool] = next((_parameters(found) for found in tools if found.get("name") == tool), None)
        return self._parameters[tool]

    def close(self) -> None:
        """End the server. Calls in flight raise `ServerExitedError`. The next call starts it again."""
        self._closed += 1
        if self._end_session is not None:
            self._end_session()

    def after_fork(self) -> None:
        """Leave the server to the parent. The next call starts one for this process."""
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

    def _connect(self) -> Session:
        """Return the session. If there is none, the first caller starts it, and the others wait for the same outcome."""
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
            session: Session = starting.result()
        except SessionError as error:
            raise error.again() from None
        return session

    def _running(self) -> Session | None:
        """Return the session if it is alive and nobody is starting another. The caller must hold the lock."""
        session = self._session
        return session if self._starting is None and session is not None and session.alive else None

    def _open(self) -> Session:
        return ClientSession(self.command, self._env, self._cwd)

    def _start(self, starting: Future) -> None:
        try:
            if self._end_session is not None:
                self._end_session()
            session = self._session = self._open()
            # Set before the handshake, so that `close` can end a server that hangs in it. It also runs if nobody closes us.
            self._end_session = weakref.finalize(self, session.close)
            session.initialize(self._start_timeout)
        except BaseException as error:
            starting.fail(error if isinstance(error, SessionError) else ServerStartError(f"the start failed: {error!r}"))
            if not isinstance(error, SessionError):
                raise  # for example a Ctrl-C
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
