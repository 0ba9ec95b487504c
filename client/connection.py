"""Owns one life of a server: the Model Context Protocol with it, from the handshake to the end of its process.

Requests are matched by id, so any number may be in flight; each is a `Pending`.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress

from mcp_models.client.errors import (
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.pending import Pending, reading
from mcp_models.client.process import ServerProcess
from mcp_models.servers.core import __version__
from mcp_models.servers.core.protocol import (
    LEGACY_VERSIONS,
    META_CAPABILITIES,
    META_VERSION,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
)
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    OnProgress: TypeAlias = Callable[[dict[str, Any]], None]

STOP_SECONDS = 2.0
WRITE_SECONDS = 60.0
CANCEL_SECONDS = 0.5

_CLIENT_INFO = {"name": "mcp-models", "version": __version__}


class Connection:
    """One life of a server: from its start through the handshake to its end.

    Args:
        command: The server's program and arguments.
        env: Its whole environment; None means this process's.
        cwd: The folder it starts in; None means this process's.

    Attributes:
        lists_tools: Whether it says that it does.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> None:
        self._lock = threading.RLock()  # a garbage collection may abandon a stream while this thread holds it
        self._last_id = 0
        self._pending: dict[int, Pending] = {}
        self._on_progress: dict[int, OnProgress] = {}
        self.lists_tools = False
        self._ready = False
        self._modern = False
        self._end: SessionError | None = None
        self._process = ServerProcess(command, env, cwd, self._receive, self._fail, lambda: not self._pending)

    @property
    def alive(self) -> bool:
        """Whether an answer may still come."""
        return self._process.alive and self._end is None

    def request(
        self,
        method: str,
        params: dict[str, Any],
        timeout: float,
        on_progress: OnProgress | None = None,
    ) -> Pending:
        """Sends a request.

        Args:
            method: The method.
            params: Its parameters; `_meta` may hold further ones.
            timeout: Seconds in which it must be sent.
            on_progress: Takes the `params` of each progress notification, in another thread.

        Returns:
            Its result that is to come.

        Raises:
            SessionError: It could not be sent.
        """
        request_id, pending, message = self._made(method, params, on_progress)
        try:
            self._process.write(json_codec.encode(message), min(timeout, WRITE_SECONDS))
        except BaseException as error:
            self._forget(request_id)
            if isinstance(error, ServerExitedError):
                self._fail(error)
            raise
        return pending

    def request_at_once(self, method: str, params: dict[str, Any], on_progress: OnProgress | None = None) -> Pending | None:
        """As `request`; None if sending it would have to wait."""
        request_id, pending, message = self._made(method, params, on_progress)
        sent = False
        try:
            sent = self._process.write_at_once(json_codec.encode(message))
        finally:
            if not sent:
                self._forget(request_id)
        return pending if sent else None

    def read(self, until: Callable[[], bool], seconds: float) -> None:
        """Has this thread read answers for a moment, until it has its own; progress is another thread's to tell of."""
        if self._on_progress:
            self._process.attend()
        else:
            self._process.read(lambda: until() or bool(self._on_progress), seconds)

    def attend(self) -> None:
        """Has answers read by another thread."""
        self._process.attend()

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
        pending = list(self._pending)
        self._fail(ServerExitedError("the session was closed", stderr=self._process.stderr_tail))
        if pending and self._process.alive:
            self._cancel(pending, "closed")
        self._process.stop(grace)

    def disown(self) -> None:
        """Leaves the server to the process that this one was forked from."""
        self._process.disown()

    def _made(self, method: str, params: dict[str, Any], on_progress: OnProgress | None) -> tuple[int, Pending, dict[str, Any]]:
        """A request that is expected to be answered, and is not yet sent: its id, its result that is to come, its message."""
        with self._lock:
            if self._end is not None:
                raise self._end.again()
            self._last_id += 1
            request_id = self._last_id
            pending = self._pending[request_id] = Pending(
                lambda reason: self._abandon(request_id, reason),
                lambda seconds: ServerTimeoutError(
                    f"no answer to {method} within {seconds:g} s", stderr=self._process.stderr_tail
                ),
                self,
            )
            if on_progress is not None:
                self._on_progress[request_id] = on_progress
        meta = dict(params.get("_meta", {}))
        if on_progress is not None:
            meta["progressToken"] = request_id
        if self._modern:
            meta |= _MODERN_META
        if meta:
            params = {**params, "_meta": meta}
        return request_id, pending, {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}

    def _shake_hands(self, timeout: float) -> None:
        offer: dict[str, Any] = {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "clientInfo": _CLIENT_INFO}
        try:
            initialized = self.request("initialize", offer, timeout)
            json_codec.use_msgspec(encoding=False)  # imported while the server starts
            found = initialized.wait(timeout)
        except ServerProtocolError:
            self._modern = True
            found = self.request("server/discover", {}, timeout).wait(timeout)
            if MODERN_VERSIONS[-1] not in found.get("supportedVersions", ()):
                offers = found.get("supportedVersions")
                raise ServerProtocolError(f"no common protocol version: the server offers {offers}") from None
        else:
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"}, timeout)
        self.lists_tools = "tools" in (found.get("capabilities") or ())

    def _abandon(self, request_id: int, reason: str) -> None:
        self._forget(request_id)
        self._cancel([request_id], reason)

    def _cancel(self, request_ids: list[int], reason: str) -> None:
        method = "notifications/cancelled"
        messages = [{"jsonrpc": "2.0", "method": method, "params": {"requestId": n, "reason": reason}} for n in request_ids]
        with suppress(SessionError):  # a server that has gone has stopped as well
            self._process.write(b"".join(map(json_codec.encode, messages)), CANCEL_SECONDS)

    def _forget(self, request_id: int) -> Pending | None:
        with self._lock:
            self._on_progress.pop(request_id, None)
            return self._pending.pop(request_id, None)

    def _send(self, message: dict[str, Any], timeout: float) -> None:
        self._process.write(json_codec.encode(message), timeout)

    def _receive(self, line: bytes) -> None:
        """Takes one line of the server's stdout, in the thread that reads."""
        if not line.strip():
            return
        try:
            message = _decoded(line)
        except (ValueError, RecursionError) as error:  # RecursionError for `[[[[…`, ValueError for a number of 5,000 digits
            if self._ready:  # before that it is a banner, which many servers print
                reason = str(getattr(error, "msg", error))
                self._fail_pending(
                    ServerJSONError("the server wrote a line that is no JSON", line.decode("utf-8", "replace")[:200], reason)
                )
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
        pending = self._forget(request_id)
        if pending is None:
            return  # too late, or twice
        if isinstance(message.get("result"), dict):
            pending.succeed(message["result"])
        else:
            pending.fail(ServerProtocolError(f"the server refused the request: {_error_text(message)}"))

    def _receive_progress(self, params: dict[str, Any]) -> None:
        token = params.get("progressToken")
        on_progress = self._on_progress.get(token) if isinstance(token, int) else None
        if on_progress is None or not isinstance(token, int):
            return
        try:
            with reading():
                on_progress(params)
        except BaseException as error:  # the caller's own: it ends the call, and not the thread that reads for all
            if pending := self._forget(token):
                pending.fail(error)
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
            waiting = list(self._pending.values())
            self._pending.clear()
            self._on_progress.clear()
        for pending in waiting:
            pending.fail(error.again())


_MODERN_META: dict[str, Any] = {
    META_VERSION: MODERN_VERSIONS[-1],
    META_CAPABILITIES: {},
    "io.modelcontextprotocol/clientInfo": _CLIENT_INFO,
}


def _decoded(line: bytes) -> Any:
    try:
        return json_codec.decode(line)
    except ValueError:  # `NaN` or broken UTF-8 in an answer that can be read all the same
        return json.loads(line.decode("utf-8", "replace"))


def _error_text(message: dict[str, Any]) -> str:
    error = message.get("error")
    if not isinstance(error, dict):
        return "neither a result nor an error"
    return f"{error.get('message')} ({error.get('code')})"
