"""Owns the Model Context Protocol towards one server: the handshake, requests matched by id, progress, cancellation.

The process starts on first use and again after it has gone. Any number of threads may call at once.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress

from mcp_models.client.errors import (
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.process import ServerProcess
from mcp_models.servers.core import __version__, wire
from mcp_models.servers.core.protocol import (
    LEGACY_VERSIONS,
    META_CAPABILITIES,
    META_STREAM,
    META_VERSION,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    OnProgress: TypeAlias = Callable[[dict[str, Any]], None]

START_SECONDS = 30.0
STOP_SECONDS = 2.0
WRITE_SECONDS = 60.0
CANCEL_SECONDS = 0.5

_CLIENT_INFO = {"name": "mcp-models", "version": __version__}


class Session:
    """One server and the protocol with it, whatever era it speaks.

    Args:
        command: The server's program and arguments.
        env: The server's whole environment; None means this process's.
        start_timeout: Seconds the server may take to start and shake hands.
    """

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, start_timeout: float = START_SECONDS
    ) -> None:
        self.command = list(command)
        self._env, self._start_timeout = env, start_timeout
        self._starting = threading.Lock()
        self._current: list[Connection] = []  # at most one
        # Also for a session that nobody closes: its server goes with it, or with this process.
        weakref.finalize(self, _close_all, self._current)

    def start(self) -> None:
        """Starts the server, if it is not running, and shakes hands.

        Raises:
            ServerStartError: The command cannot be started.
            ServerExitedError: It ended before the handshake.
            ServerTimeoutError: It did not answer the handshake in time.
            ServerProtocolError: It answered with an error.
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
        """Calls a tool and waits for its result.

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
        connection = self._connect()
        meta = {META_STREAM: True} if stream else {}
        params = {"name": name, "arguments": dict(arguments)}
        return connection.request("tools/call", params, timeout, on_progress, meta)

    def list_tools(self, timeout: float = START_SECONDS) -> list[dict[str, Any]]:
        """The server's tools."""
        tools: list[dict[str, Any]] = self._connect().request("tools/list", {}, timeout).get("tools", [])
        return tools

    def close(self) -> None:
        """Ends the server; calls in flight raise `ServerExitedError`. The next call starts it again."""
        _close_all(self._current)

    def __enter__(self) -> Session:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _connect(self) -> Connection:
        with self._starting:
            if not self._current or not self._current[-1].alive:
                _close_all(self._current)
                connection = Connection(self.command, self._env)
                self._current.append(connection)  # before the handshake, so that `close` can end a server that hangs in it
                connection.shake_hands(self._start_timeout)
            return self._current[-1]


def _close_all(connections: list[Connection]) -> None:
    with suppress(IndexError):
        while True:
            connections.pop().close()


class Connection:
    """One life of a server: from its start through the handshake to its end."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None) -> None:
        self._lock = threading.Lock()
        self._last_id = 0
        self._pending: dict[int, Future[dict[str, Any]]] = {}
        self._on_progress: dict[int, OnProgress] = {}
        self._ready = False
        self._modern = False
        self._end: SessionError | None = None
        self._owner = os.getpid()
        self._process = ServerProcess(command, env, self._receive, self._fail)

    @property
    def alive(self) -> bool:
        """Whether an answer may still come."""
        return self._process.alive and self._end is None and self._is_ours()

    def request(
        self,
        method: str,
        params: dict[str, Any],
        timeout: float,
        on_progress: OnProgress | None = None,
        meta: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Sends a request and waits for its result, `timeout` seconds at the most."""
        timeout = min(timeout, threading.TIMEOUT_MAX)
        request_id, future = self._send_request(method, params, on_progress, meta or {}, timeout)
        try:
            return future.result(timeout)
        except BaseException as error:
            if future.done():  # that was its own outcome, or the caller's `on_progress` failed
                raise
            self._cancel([request_id], "timeout" if isinstance(error, TimeoutError) else "abandoned")
            if not isinstance(error, TimeoutError):
                raise
            message = f"no answer to {method} within {timeout:g} s"
            raise ServerTimeoutError(message, stderr=self._process.stderr_tail) from None
        finally:
            self._forget(request_id)

    def shake_hands(self, timeout: float) -> None:
        """Agrees with the server on a protocol, or ends it.

        `initialize` is what every server answers: one that is modern only with an error, and then it is discovered.
        """
        try:
            self._shake_hands(timeout)
        except BaseException:
            self.close(grace=0.1)
            raise
        self._ready = True

    def close(self, grace: float = STOP_SECONDS) -> None:
        """Ends the server; what it still works on is cancelled, as it would finish that first."""
        if not self._is_ours():
            return
        pending = list(self._pending)
        self._fail(ServerExitedError("the session was closed", stderr=self._process.stderr_tail))
        if pending and self._process.alive:
            self._cancel(pending, "closed")
        self._process.stop(grace)

    def _is_ours(self) -> bool:
        """Not so after a fork: the server, and the threads that read from it, stay with the parent."""
        return self._owner == os.getpid()

    def _send_request(
        self, method: str, params: dict[str, Any], on_progress: OnProgress | None, meta: dict[str, Any], timeout: float
    ) -> tuple[int, Future[dict[str, Any]]]:
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            if self._end is not None:
                raise self._end
            self._last_id += 1
            request_id = self._last_id
            self._pending[request_id] = future
            if on_progress is not None:
                self._on_progress[request_id] = on_progress
        if on_progress is not None:
            meta = {**meta, "progressToken": request_id}
        if self._modern:
            meta = {**meta, **_MODERN_META}
        if meta:
            params = {**params, "_meta": meta}
        try:
            self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}, min(timeout, WRITE_SECONDS))
        except BaseException:
            self._forget(request_id)
            raise
        return request_id, future

    def _shake_hands(self, timeout: float) -> None:
        offer: dict[str, Any] = {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "clientInfo": _CLIENT_INFO}
        try:
            self.request("initialize", offer, timeout)
        except ServerProtocolError:
            self._modern = True
            found = self.request("server/discover", {}, timeout)
            if MODERN_VERSIONS[-1] not in found.get("supportedVersions", ()):
                offers = found.get("supportedVersions")
                raise ServerProtocolError(f"no common protocol version: the server offers {offers}") from None
        else:
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"}, timeout)

    def _cancel(self, request_ids: list[int], reason: str) -> None:
        method = "notifications/cancelled"
        messages = [{"jsonrpc": "2.0", "method": method, "params": {"requestId": n, "reason": reason}} for n in request_ids]
        with suppress(SessionError):  # a server that has gone has stopped as well
            self._process.write(b"".join(map(wire.encode, messages)), CANCEL_SECONDS)

    def _forget(self, request_id: int) -> None:
        with self._lock:
            self._pending.pop(request_id, None)
            self._on_progress.pop(request_id, None)

    def _send(self, message: dict[str, Any], timeout: float) -> None:
        self._process.write(wire.encode(message), timeout)

    def _receive(self, line: bytes) -> None:
        """Takes one line of the server's stdout, in the reader's thread."""
        if not line.strip():
            return
        text = line.decode("utf-8", "replace")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:  # RecursionError for `[[[[…`, ValueError for a number of 5,000 digits
            if self._ready:  # before that it is a banner, which many servers print
                reason = str(getattr(error, "msg", error))
                self._fail_pending(ServerJSONError("the server wrote a line that is no JSON", text[:200], reason))
            return
        if not isinstance(message, dict):
            self._fail_pending(ServerProtocolError("the server wrote JSON that is no MCP message"))
        elif "method" not in message:
            self._receive_response(message)
        elif "id" in message:
            self._refuse(message)
        elif message["method"] == "notifications/progress" and isinstance(message.get("params"), dict):
            self._receive_progress(message["params"])

    def _receive_response(self, message: dict[str, Any]) -> None:
        request_id = message.get("id")
        if not isinstance(request_id, int) or isinstance(request_id, bool) or not 0 < request_id <= self._last_id:
            stray = f"the server answered a request that was not made (id {request_id!r}): {_error_text(message)}"
            self._fail_pending(ServerProtocolError(stray))
            return
        with self._lock:
            future = self._pending.pop(request_id, None)
        if future is None:
            return  # too late, or twice
        if isinstance(message.get("result"), dict):
            future.set_result(message["result"])
        else:
            future.set_exception(ServerProtocolError(f"the server refused the request: {_error_text(message)}"))

    def _receive_progress(self, params: dict[str, Any]) -> None:
        token = params.get("progressToken")
        on_progress = self._on_progress.get(token) if isinstance(token, int) else None
        if on_progress is None or not isinstance(token, int):
            return
        try:
            on_progress(params)
        except BaseException as error:  # the caller's own: it ends the call, and not the thread that reads for all
            with self._lock:
                future = self._pending.pop(token, None)
            if future is not None:
                future.set_exception(error)
                self._cancel([token], "abandoned")

    def _refuse(self, message: dict[str, Any]) -> None:
        """Answers a request of the server's: to `ping`, and that nothing else is offered."""
        answer = (
            {"result": {}}
            if message["method"] == "ping"
            else {"error": {"code": METHOD_NOT_FOUND, "message": "this client offers no methods"}}
        )
        with suppress(SessionError):
            self._send({"jsonrpc": "2.0", "id": message["id"], **answer}, 1.0)

    def _fail(self, error: SessionError) -> None:
        with self._lock:
            self._end = self._end or error
        self._fail_pending(error)

    def _fail_pending(self, error: SessionError) -> None:
        with self._lock:
            futures = list(self._pending.values())
            self._pending.clear()
        for future in futures:
            future.set_exception(error)


_MODERN_META: dict[str, Any] = {
    META_VERSION: MODERN_VERSIONS[-1],
    META_CAPABILITIES: {},
    "io.modelcontextprotocol/clientInfo": _CLIENT_INFO,
}


def _error_text(message: dict[str, Any]) -> str:
    error = message.get("error")
    if not isinstance(error, dict):
        return "neither a result nor an error"
    return f"{error.get('message')} ({error.get('code')})"
