"""Speak the Model Context Protocol with one server process, from the handshake to its end.

Any number of requests may be in flight, as responses are matched by id. Each request is a `PendingCall`.
"""

from __future__ import annotations

import json
from contextlib import suppress

from mcp_models.client.errors import (
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.pending_requests import PendingRequests
from mcp_models.client.process import ServerProcess
from mcp_models.servers.core import __version__
from mcp_models.servers.core.protocol import (
    LEGACY_VERSIONS,
    META_CAPABILITIES,
    META_VERSION,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
)
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.core.transport.lines import LineTooLongError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress

STOP_SECONDS = 2.0

MAX_QUOTE = 500
"""How many characters of a server's words an error may quote."""

_CLIENT_INFO = {"name": "mcp-models", "version": __version__}


class ClientSession:
    """A session with one server process. Creating it starts the process; `initialize` does the handshake.

    Args:
        command: The server's program and arguments.
        env: The server's whole environment. None means that of this process.
        cwd: The folder to start the server in. None means that of this process.

    Attributes:
        lists_tools: Whether the server says that it has tools.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> None:
        self._pending = PendingRequests()
        self.lists_tools = False
        self._ready = False
        self._modern = False
        self._process = ServerProcess(command, env, cwd, self._receive, self._fail)

    @property
    def alive(self) -> bool:
        """Whether an answer can still arrive."""
        return self._process.alive and self._pending.end is None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The process's exit code, negative for a signal. None while it runs."""
        return self._process.exit_code

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return len(self._pending)

    def request(self, method: str, params: dict[str, Any], on_progress: OnProgress | None = None) -> PendingCall:
        """Send a request without waiting for the server to read it.

        Args:
            method: The method's name.
            params: The method's parameters. If they have a `_meta`, the protocol's own fields are added to it.
            on_progress: Called with the `params` of each progress notification, in another thread.

        Returns:
            The pending call, which you can wait for.

        Raises:
            SessionError: The request could not be sent.
        """
        request_id, pending = self._pending.add(self._abandon, lambda seconds: self._late(method, seconds), on_progress)
        try:
            self._send(self._message(request_id, method, params, on_progress is not None))
        except BaseException as error:
            self._pending.take(request_id)
            if isinstance(error, ServerExitedError):
                self._fail(error)
            raise
        return pending

    def initialize(self, timeout: float) -> None:
        """Agree with the server on a protocol version. If that fails, end the server.

        Every server answers `initialize`. One that only speaks the modern protocol answers with an error, and then
        `server/discover` is used.
        """
        try:
            self._initialize(timeout)
        except BaseException:
            self.close(grace=0.1)
            raise
        self._ready = True

    def close(self, grace: float = STOP_SECONDS) -> None:
        """End the server. Requests in flight are cancelled first, because the server would otherwise finish them."""
        pending = self._pending.ids()
        self._fail(ServerExitedError("the session was closed", stderr=self._process.stderr_tail))
        if pending and self._process.alive:
            self._cancel(pending, "closed")
        self._process.stop(grace)

    def disown(self) -> None:
        """After a fork, leave the server to the parent process."""
        self._process.disown()

    def _message(self, request_id: int, method: str, params: dict[str, Any], wants_progress: bool) -> dict[str, Any]:
        meta = dict(params.get("_meta", {}))
        if wants_progress:
            meta["progressToken"] = request_id
        if self._modern:
            meta |= _MODERN_META
        if meta:
            params = {**params, "_meta": meta}
        return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}

    def _late(self, method: str, seconds: float) -> ServerTimeoutError:
        """Return the error for an answer that did not arrive in time."""
        said = "the server does not read its stdin" if self._process.unsent else f"no answer to {method} within {seconds:g} s"
        return ServerTimeoutError(said, stderr=self._process.stderr_tail)

    def _initialize(self, timeout: float) -> None:
        offer: dict[str, Any] = {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "clientInfo": _CLIENT_INFO}
        try:
            initialized = self.request("initialize", offer)
            json_codec.use_msgspec(encoding=False)  # the import takes place while the server starts
            found = initialized.wait(timeout)
        except ServerProtocolError:
            self._modern = True
            found = self.request("server/discover", {}).wait(timeout)
            offers = found.get("supportedVersions")
            if not isinstance(offers, list) or MODERN_VERSIONS[-1] not in offers:
                raise ServerProtocolError(f"no common protocol version: the server offers {offers}") from None
        else:
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        capabilities = found.get("capabilities")
        self.lists_tools = isinstance(capabilities, dict) and "tools" in capabilities

    def _abandon(self, request_id: int, reason: str) -> None:
        """Cancel a request. If it timed out before the server had even read it, the server is stuck and gets killed."""
        self._pending.take(request_id)
        if reason == "timeout" and self._process.unsent:
            self._process.kill()
        self._cancel([request_id], reason)

    def _cancel(self, request_ids: Iterable[int], reason: str) -> None:
        method = "notifications/cancelled"
        with suppress(SessionError):  # if the server has gone, its work has stopped anyway
            for request_id in request_ids:
                self._send({"jsonrpc": "2.0", "method": method, "params": {"requestId": request_id, "reason": reason}})

    def _send(self, message: dict[str, Any]) -> None:
        self._process.write(json_codec.encode(message))

    def _receive(self, line: bytes | LineTooLongError) -> None:
        """Handle one line of the server's stdout. Runs in the thread that reads."""
        if isinstance(line, LineTooLongError):
            self._fail(ServerProtocolError(f"the server wrote {line}"))
            self._process.kill()
            return
        try:
            message = _decoded(line)
        except (ValueError, RecursionError) as error:  # RecursionError for `[[[[…`, ValueError for 5,000-digit numbers, too
            if self._ready:  # before the handshake it is a banner, which many servers print
                reason = str(getattr(error, "msg", error))
                shown = redact(line[:MAX_QUOTE].decode("utf-8", "replace"))
                self._fail_all(ServerJSONError("the server wrote a line that is no JSON", shown, reason))
            return
        if not isinstance(message, dict):
            self._fail_all(ServerProtocolError("the server wrote JSON that is no MCP message"))
        elif "method" not in message:
            self._receive_response(message)
        elif "id" in message:
            self._refuse(message)
        elif message["method"] == "notifications/progress" and isinstance(message.get("params"), dict):
            self._pending.receive_progress(message["params"], lambda request_id: self._cancel([request_id], "abandoned"))

    def _receive_response(self, message: dict[str, Any]) -> None:
        request_id = message.get("id")
        if not self._pending.was_made(request_id):
            stray = f"the server answered a request that was not made (id {_quoted(request_id)}): {_error_text(message)}"
            self._fail_all(ServerProtocolError(stray))
            return
        pending = self._pending.take(request_id)
        if pending is None:
            return  # the answer came too late, or twice
        if isinstance(message.get("result"), dict):
            pending.succeed(message["result"])
        else:
            pending.fail(ServerProtocolError(f"the server refused the request: {_error_text(message)}"))

    def _refuse(self, message: dict[str, Any]) -> None:
        """Answer a request from the server: a `ping` with a result, anything else with an error."""
        answer = (
            {"result": {}}
            if message["method"] == "ping"
            else {"error": {"code": METHOD_NOT_FOUND, "message": "this client offers no methods"}}
        )
        with suppress(SessionError):  # the server does not read, so it gets no answer
            self._send({"jsonrpc": "2.0", "id": message["id"], **answer})

    def _fail(self, error: SessionError) -> None:
        """Fail every request with this error, and all further ones too."""
        self._pending.close(error)

    def _fail_all(self, error: SessionError) -> None:
        """Cancel every request and fail it with this error, as there is no telling which one was meant."""
        self._cancel(self._pending.ids(), "the server broke the protocol")  # first, as a caller may ask again once it knows
        self._pending.fail(error)


_MODERN_META: dict[str, Any] = {
    META_VERSION: MODERN_VERSIONS[-1],
    META_CAPABILITIES: {},
    "io.modelcontextprotocol/clientInfo": _CLIENT_INFO,
}


def _decoded(line: bytes) -> Any:
    try:
        return json_codec.decode(line)
    except ValueError:  # `NaN` or broken UTF-8; the rest of the answer may still be readable
        return json.loads(line.decode("utf-8", "replace"))


def _error_text(message: dict[str, Any]) -> str:
    error = message.get("error")
    if not isinstance(error, dict):
        return "neither a result nor an error"
    return f"{_quoted(error.get('message'))} ({_quoted(error.get('code'))})"


def _quoted(value: Any) -> str:
    """Return a server's words as an error may quote them: shortened and without secrets."""
    text = redact(value if isinstance(value, str) else repr(value))
    return text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE]}…"
