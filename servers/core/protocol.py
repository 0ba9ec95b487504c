"""Speak the Model Context Protocol: take one message in and say what to do about it. There is no I/O here.

The legacy era begins with `initialize` (2024-11-05 to 2025-11-25). The modern one is stateless and describes itself in the
`_meta` of every request (2026-07-28). Each request has its own era and the process has none. So a server can serve hosts of
both, and even a host that switches (specification 2026-07-28, basic/versioning: "MAY serve both eras concurrently").
"""

from __future__ import annotations

from mcp_models.servers.core.redaction import redact, redact_record
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Message: TypeAlias = dict[str, Any]
    RequestId: TypeAlias = str | int

LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS = ("2026-07-28",)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
MISSING_CLIENT_CAPABILITY = -32021
UNSUPPORTED_PROTOCOL_VERSION = -32022

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_SERVER_INFO = "io.modelcontextprotocol/serverInfo"
META_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"

TASKS_EXTENSION = "io.modelcontextprotocol/tasks"
"""The official extension by which a client gets a task instead of an answer, and asks for it again and again.

Source: https://github.com/modelcontextprotocol/ext-tasks/blob/main/specification/draft/tasks.md.
"""

TASK_METHODS = ("tasks/get", "tasks/update", "tasks/cancel")

META_COMPLETION = "mcp-models/completion"
"""The `_meta` key of a result that holds everything known about the completion except its text."""

META_ERROR = "mcp-models/error"
"""The `_meta` key of an `isError` result that holds the failure's details."""

META_MODELS = "mcp-models/models"
"""The `_meta` key of a `list_models` result that holds the list for programs."""

META_STREAM = "mcp-models/stream"
"""A flag that a caller sets in the `_meta` of `tools/call` to get the text piece by piece, in progress notifications."""

META_DELTA = "mcp-models/delta"
"""The `_meta` key of a progress notification that holds the new piece of text."""

TOOLS_TTL_MS = 3_600_000
_LONGEST_ECHO = 60

MAX_TOKEN_CHARACTERS = 1024
"""The longest `progressToken` to accept, as every notification of the call repeats it."""

# Finds ids in a line that cannot be decoded. If there is exactly one, it belongs to the request.
_ID = rb'"id"\s*:\s*("(?:[^"\\]|\\.){0,256}"|-?\d{1,18})\s*[,}]'


class ProtocolError(Exception):
    """A message breaks the rules of the protocol. What is quoted from it is quoted without secrets.

    Args:
        code: The JSON-RPC error code.
        message: What was wrong and what was expected.
        data: The error object's `data`.
        request_id: The request's id, if it is known.
    """

    def __init__(self, code: int, message: str, data: Any = None, request_id: RequestId | None = None) -> None:
        super().__init__(redact(message))
        self.code, self.data, self.request_id = code, redact_record(data), request_id


class Server:
    """What the protocol needs to know about a server.

    Args:
        info: `serverInfo`: `name`, `title` and `version`.
        instructions: One sentence for the host's model about what the server is for.
        tools: Returns the list for `tools/list`. It is called only when needed, as the schemas take time to build.
        tool_names: The names that `tools/call` accepts, each with its tool. The main tool comes first.
        has_tasks: Whether the server keeps tasks between requests.

    Attributes:
        client_name: How the client named itself in the last `initialize`. It is for the ledger, and no answer depends on it. A
            modern request names its own client.
    """

    def __init__(
        self,
        info: dict[str, str],
        instructions: str,
        tools: Callable[[], list[dict[str, Any]]],
        tool_names: dict[str, str],
        has_tasks: bool = True,
    ) -> None:
        self.info, self.instructions, self.tools, self.tool_names = info, instructions, tools, tool_names
        self.has_tasks = has_tasks
        self.client_name: str | None = None


class ToolCall:
    """A `tools/call` to carry out. Answer it with `tool_response`.

    Attributes:
        has_tasks: Whether the client speaks the tasks extension, so the result may be a task.
    """

    def __init__(
        self,
        request_id: RequestId,
        name: str,
        arguments: dict[str, Any],
        meta: dict[str, Any],
        modern: bool,
        client_name: str | None = None,
    ) -> None:
        self.id, self.name, self.arguments, self.modern, self.client_name = request_id, name, arguments, modern, client_name
        self.meta = meta
        self.progress_token: RequestId | None = meta.get("progressToken")
        self.stream = meta.get(META_STREAM) is True
        self.has_tasks = modern and _has_tasks(meta)


class TaskRequest:
    """A request of the tasks extension about one task. Answer it with `tool_response` or `unknown_task`."""

    modern = True

    def __init__(self, request_id: RequestId, method: str, task_id: str) -> None:
        self.id, self.method, self.task_id = request_id, method, task_id


class Cancellation:
    """A `notifications/cancelled`. Stop the work on `id` and send nothing more for it."""

    def __init__(self, request_id: RequestId) -> None:
        self.id = request_id


def receive(line: bytes, server: Server) -> Message | ToolCall | TaskRequest | Cancellation | None:
    """Work out what one line from the client asks for.

    Args:
        line: The line as it was read, with or without its newline.
        server: The server's identity and tools.

    Returns:
        The response to send, a call to carry out, a request about a task, a cancellation, or None if there is nothing to do.
    """
    try:
        return _dispatch(_parse(line), server)
    except ProtocolError as error:
        return error_response(error)
    except Exception as error:  # no message may bring the server down
        return error_response(ProtocolError(INTERNAL_ERROR, f"the server failed with {type(error).__name__}"))


def tool_response(request: ToolCall | TaskRequest, result: dict[str, Any], server: Server) -> Message:
    """Return the response to a call, or to a request about a task. What its era requires is added to the result here."""
    return _response(request.id, result, server, request.modern)


def unknown_task(request: TaskRequest) -> Message:
    """Return the response to a request about a task that is not there."""
    return error_response(ProtocolError(INVALID_PARAMS, "taskId: there is no such task any more", None, request.id))


def progress(call: ToolCall, value: float, message: str, delta: str | None = None) -> Message:
    """Return a `notifications/progress` for a call that has a `progressToken`.

    Args:
        call: The call to report on.
        value: The progress. It must be greater than every value before it.
        message: A short text for people.
        delta: New text, for callers that asked for it with `META_STREAM`.
    """
    params: dict[str, Any] = {"progressToken": call.progress_token, "progress": value, "message": message}
    if delta is not None:
        params["_meta"] = {META_DELTA: delta}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def error_response(error: ProtocolError) -> Message:
    """Return the JSON-RPC error response for a refused message. Its id is null if the request's id is not known."""
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": error.request_id, "error": body}


def _parse(line: bytes) -> Message:
    """Decode a JSON-RPC request or notification and check its envelope."""
    try:
        message = json_codec.decode(line)
    except ValueError as error:
        raise ProtocolError(PARSE_ERROR, f"not a line of JSON: {error}", None, _id_in(line)) from None
    if isinstance(message, list):
        raise ProtocolError(INVALID_REQUEST, "expected an object, got an array: batches left MCP with 2025-06-18")
    if not isinstance(message, dict):
        raise ProtocolError(INVALID_REQUEST, f"expected a JSON-RPC object, got {json_codec.kind(message)}")
    request_id = _request_id(message)
    if "method" not in message and ("result" in message or "error" in message):
        raise ProtocolError(INVALID_REQUEST, "expected a request, got a response: this server sends no requests")
    if message.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, 'expected "jsonrpc": "2.0"', request_id=request_id)
    if not isinstance(message.get("method"), str):
        raise ProtocolError(INVALID_REQUEST, "expected `method`, a string", request_id=request_id)
    if not isinstance(message.get("params", {}), dict):
        raise ProtocolError(
            INVALID_PARAMS, f"params: expected object, got {json_codec.kind(message['params'])}", None, request_id
        )
    return message


def _id_in(line: bytes) -> RequestId | None:
    """Find the request's id in a line that cannot be decoded, so that its sender can match the error. None if it is unclear."""
    import re

    found = re.findall(_ID, line)
    try:
        request_id = json_codec.decode(found[0]) if len(found) == 1 else None
    except ValueError:
        return None
    return request_id if _is_id(request_id) else None


def _request_id(message: Message) -> RequestId | None:
    request_id = message.get("id")
    if "id" in message and not _is_id(request_id):
        raise ProtocolError(INVALID_REQUEST, f"id: expected string or integer, got {json_codec.kind(request_id)}")
    return request_id


def _dispatch(message: Message, server: Server) -> Message | ToolCall | TaskRequest | Cancellation | None:
    method, params = message["method"], message.get("params", {})
    if "id" not in message:
        return _notification(method, params)
    try:
        modern = _is_modern(method, params)
        if method == "tools/call":
            return _tool_call(message["id"], params, server, modern)
        if modern and server.has_tasks and method in TASK_METHODS:
            return _task_request(message["id"], method, params)
        answer = (_MODERN if modern else _LEGACY).get(method)
        if answer is None:
            raise ProtocolError(METHOD_NOT_FOUND, f"unknown method {_short(method)}")
        return _response(message["id"], answer(params, server), server, modern)
    except ProtocolError as error:
        error.request_id = message["id"]
        raise


def _notification(method: str, params: dict[str, Any]) -> Cancellation | None:
    request_id: Any = params.get("requestId")
    if method == "notifications/cancelled" and _is_id(request_id):
        return Cancellation(request_id)
    return None


def _is_modern(method: str, params: dict[str, Any]) -> bool:
    """Return whether a request is of the modern era, judging by its `_meta` and its method.

    Raises:
        ProtocolError: It is modern, but lacks a required field or names a version that this server does not speak.
    """
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        raise ProtocolError(INVALID_PARAMS, f"_meta: expected object, got {json_codec.kind(meta)}")
    if META_VERSION not in meta and META_CAPABILITIES not in meta and method != "server/discover":
        return False
    version = meta.get(META_VERSION)
    if not isinstance(version, str):
        raise ProtocolError(INVALID_PARAMS, f"_meta: expected {META_VERSION}, a string such as {MODERN_VERSIONS[-1]!r}")
    if version not in MODERN_VERSIONS:
        supported = {"supported": list(MODERN_VERSIONS), "requested": version}
        raise ProtocolError(
            UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version; those before 2026 begin with `initialize`", supported
        )
    if not isinstance(meta.get(META_CAPABILITIES), dict):
        raise ProtocolError(INVALID_PARAMS, f"_meta: expected {META_CAPABILITIES}, an object")
    return True


def _response(request_id: RequestId, result: dict[str, Any], server: Server, modern: bool) -> Message:
    if modern:
        meta = {**result.get("_meta", {}), META_SERVER_INFO: server.info}
        result = {"resultType": "complete", **result, "_meta": meta}
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _initialize(params: dict[str, Any], server: Server) -> dict[str, Any]:
    version = params.get("protocolVersion")
    if not isinstance(version, str):
        raise ProtocolError(INVALID_PARAMS, f"protocolVersion: expected a string such as {LEGACY_VERSIONS[-1]!r}")
    server.client_name = _client_name(params.get("clientInfo"))
    return {
        "protocolVersion": version if version in LEGACY_VERSIONS else LEGACY_VERSIONS[-1],
        "capabilities": {"tools": {}},
        "serverInfo": server.info,
        "instructions": server.instructions,
    }


def _discover(_params: dict[str, Any], server: Server) -> dict[str, Any]:
    extensions: dict[str, Any] = {"extensions": {TASKS_EXTENSION: {}}} if server.has_tasks else {}
    return {
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": {"tools": {}, **extensions},
        "instructions": server.instructions,
        "ttlMs": TOOLS_TTL_MS,
        "cacheScope": "public",
    }


def _list_tools(params: dict[str, Any], server: Server) -> dict[str, Any]:
    if params.get("cursor") is not None:
        raise ProtocolError(INVALID_PARAMS, "cursor: there is one page of tools only; leave it out")
    return {"tools": server.tools()}


def _list_tools_modern(params: dict[str, Any], server: Server) -> dict[str, Any]:
    return {**_list_tools(params, server), "ttlMs": TOOLS_TTL_MS, "cacheScope": "public"}


def _ping(_params: dict[str, Any], _server: Server) -> dict[str, Any]:
    return {}


_LEGACY: dict[str, Callable[[dict[str, Any], Server], dict[str, Any]]] = {
    "initialize": _initialize,
    "ping": _ping,
    "tools/list": _list_tools,
}
_MODERN: dict[str, Callable[[dict[str, Any], Server], dict[str, Any]]] = {
    "server/discover": _discover,
    "tools/list": _list_tools_modern,
}


def _tool_call(request_id: RequestId, params: dict[str, Any], server: Server, modern: bool) -> ToolCall:
    name, arguments, meta = params.get("name"), params.get("arguments"), params.get("_meta", {})
    if not isinstance(name, str):
        raise ProtocolError(INVALID_PARAMS, f"name: expected a tool's name, got {json_codec.kind(name)}")
    if name not in server.tool_names:
        raise ProtocolError(INVALID_PARAMS, f"unknown tool {_short(name)}; this server has `{next(iter(server.tool_names))}`")
    if not isinstance(arguments, (dict, type(None))):
        raise ProtocolError(INVALID_PARAMS, f"arguments: expected object, got {json_codec.kind(arguments)}")
    token = meta.get("progressToken")
    if token is not None and not _is_id(token):
        raise ProtocolError(INVALID_PARAMS, f"progressToken: expected string or integer, got {json_codec.kind(token)}")
    if len(str(token)) > MAX_TOKEN_CHARACTERS:
        raise ProtocolError(INVALID_PARAMS, f"progressToken: expected up to {MAX_TOKEN_CHARACTERS:,} characters")
    client_name = _client_name(meta.get(META_CLIENT_INFO)) if modern else server.client_name
    return ToolCall(request_id, server.tool_names[name], arguments or {}, meta, modern, client_name)


def _task_request(request_id: RequestId, method: str, params: dict[str, Any]) -> TaskRequest:
    if not _has_tasks(params["_meta"]):
        required: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}}
        raise ProtocolError(MISSING_CLIENT_CAPABILITY, f"{method} needs the extension {TASKS_EXTENSION}", required)
    task_id = params.get("taskId")
    if not isinstance(task_id, str):
        raise ProtocolError(INVALID_PARAMS, f"taskId: expected string, got {json_codec.kind(task_id)}")
    return TaskRequest(request_id, method, task_id)


def _has_tasks(meta: dict[str, Any]) -> bool:
    """Return whether a request of the modern era declares the tasks extension."""
    extensions = meta[META_CAPABILITIES].get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(TASKS_EXTENSION), dict)


def _client_name(info: Any) -> str | None:
    """Return the name in a `clientInfo`, or None if there is none."""
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name else None


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _short(text: str) -> str:
    return f"`{text}`" if len(text) <= _LONGEST_ECHO else f"`{text[:_LONGEST_ECHO]}…`"
