"""The protocol as a function: it takes a line and returns what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_models.servers.core import protocol, redaction
from mcp_models.servers.core.protocol import Cancellation, Server, ToolCall, receive
from tests.peer import LEGACY, MODERN, MODERN_META, call, request

SERVER = Server(
    info={"name": "test-mcp-server", "title": "Test", "version": "1"},
    instructions="Use it.",
    tools=lambda: [{"name": "complete", "inputSchema": {"type": "object"}}],
    tool_names={"complete": "complete", "execute_task": "complete"},
)


def answer(message: dict[str, Any] | bytes) -> Any:
    return receive(message if isinstance(message, bytes) else json.dumps(message).encode(), SERVER)


MALFORMED = [
    (b"not json", -32700, None),
    (b'{"jsonrpc": "2.0", "id": 1', -32700, None),
    (b'{"id": 1, "x": NaN}', -32700, 1),
    (b'{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": {"a": ' + b"[" * 50_000 + b"}}", -32700, "a"),
    (b'{"id": 1, "params": {"id": 2, "x": NaN}}', -32700, None),
    (request(7, "tools/call", {"name": "complete", "_meta": {"progressToken": "x" * 1025}}), -32602, 7),
    (b"\xff\xfe", -32700, None),
    (b"[" * 100_000, -32700, None),
    (b"1" * 5000, -32700, None),
    (b"[]", -32600, None),
    (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None),
    (b'"text"', -32600, None),
    (b"null", -32600, None),
    ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": 7}, -32600, 7),
    ({"jsonrpc": "2.0", "id": 7, "method": 5}, -32600, 7),
    ({"jsonrpc": "1.0", "id": 7, "method": "ping"}, -32600, 7),
    ({"id": "a", "method": "ping"}, -32600, "a"),
    ({"jsonrpc": "2.0", "id": 7, "result": {}}, -32600, None),
    ({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}, -32602, 7),
    (request(7, "nope"), -32601, 7),
    (request(7, "logging/setLevel"), -32601, 7),
    (request(7, "ping", modern=True), -32601, 7),
    (request(7, "initialize", modern=True), -32601, 7),
    (request(7, "subscriptions/listen", modern=True), -32601, 7),
    (request(7, "initialize"), -32602, 7),
    (request(7, "tools/list", {"cursor": "2"}), -32602, 7),
    (request(7, "tools/call", {"name": "nope"}), -32602, 7),
    (request(7, "tools/call", {"arguments": {}}), -32602, 7),
    (request(7, "tools/call", {"name": "complete", "arguments": [1]}), -32602, 7),
    (request(7, "tools/call", {"name": "complete", "_meta": 1}), -32602, 7),
    (request(7, "tools/call", {"name": "complete", "_meta": {"progressToken": 1.5}}), -32602, 7),
    (request(7, "server/discover"), -32602, 7),
    (request(7, "tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}), -32602, 7),
    (request(7, "tools/list", {"_meta": {"io.modelcontextprotocol/clientCapabilities": {}}}), -32602, 7),
    (request(7, "tools/list", {"_meta": {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}}), -32022, 7),
]


@pytest.mark.parametrize(("message", "code", "request_id"), MALFORMED, ids=[str(row[0])[:60] for row in MALFORMED])
def test_a_malformed_message_is_refused_with_what_was_wrong(message: Any, code: int, request_id: Any) -> None:
    response = answer(message)
    assert response["error"]["code"] == code
    assert response["id"] == request_id
    assert len(response["error"]["message"]) > 10


def test_an_unknown_modern_version_is_told_what_is_supported() -> None:
    """It is the same list as in `server/discover`."""
    response = answer(
        request(1, "server/discover", {"_meta": {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "1900-01-01"}})
    )
    assert response["error"]["data"] == {
        "supported": answer(request(1, "server/discover", modern=True))["result"]["supportedVersions"],
        "requested": "1900-01-01",
    }


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [(version, version) for version in protocol.LEGACY_VERSIONS] + [("2099-01-01", LEGACY), (MODERN, LEGACY), ("", LEGACY)],
)
def test_initialize_agrees_on_the_clients_version_or_the_newest_legacy_one(offered: str, agreed: str) -> None:
    result = answer(request(1, "initialize", {"protocolVersion": offered}))["result"]
    assert result["protocolVersion"] == agreed
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"] == SERVER.info


def test_discover_answers_in_the_modern_shape() -> None:
    result = answer(request(1, "server/discover", modern=True))["result"]
    assert result["supportedVersions"] == [MODERN]
    assert result["resultType"] == "complete"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == SERVER.info
    assert result["ttlMs"] > 0


def test_each_request_has_its_own_era() -> None:
    legacy, modern = answer(request(1, "tools/list")), answer(request(2, "tools/list", modern=True))
    assert "resultType" not in legacy["result"]
    assert modern["result"]["resultType"] == "complete"
    assert legacy["result"]["tools"] == modern["result"]["tools"]


def test_a_tool_call_becomes_work_to_do() -> None:
    action = answer(call("a", {"prompt": "x"}, progressToken="p", **{"mcp-models/stream": True}))
    assert isinstance(action, ToolCall)
    assert (action.id, action.name, action.arguments, action.modern) == ("a", "complete", {"prompt": "x"}, False)
    assert (action.progress_token, action.stream) == ("p", True)


def test_a_tool_call_needs_no_arguments_and_no_initialize() -> None:
    action = answer(request(1, "tools/call", {"name": "complete"}))
    assert isinstance(action, ToolCall)
    assert action.arguments == {}


def test_hillstars_name_for_the_tool_is_accepted() -> None:
    assert isinstance(answer(request(1, "tools/call", {"name": "execute_task"})), ToolCall)


def test_a_modern_result_carries_the_servers_identity_beside_its_own_meta() -> None:
    action = answer(call(1, {"prompt": "x"}, modern=True))
    response = protocol.tool_response(action, {"content": [], "_meta": {"own": 1}}, SERVER)
    assert response["result"]["_meta"] == {"own": 1, "io.modelcontextprotocol/serverInfo": SERVER.info}


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/nope", "tools/call", "ping"])
def test_a_notification_gets_no_answer(method: str) -> None:
    assert answer({"jsonrpc": "2.0", "method": method}) is None


def test_a_cancellation_names_its_request() -> None:
    action = answer({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
    assert isinstance(action, Cancellation)
    assert action.id == 7


@pytest.mark.parametrize("params", [{}, {"requestId": None}, {"requestId": [1]}, {"requestId": True}])
def test_a_cancellation_of_nothing_is_ignored(params: dict[str, Any]) -> None:
    assert answer({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}) is None


def test_the_protocol_keeps_no_state() -> None:
    first = answer(request(1, "server/discover", modern=True))
    assert answer(request(2, "initialize", {"protocolVersion": LEGACY}))["result"]["protocolVersion"] == LEGACY
    assert answer(request(1, "server/discover", modern=True)) == first


def test_what_is_quoted_from_a_message_is_quoted_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [secret := "made-up-secret-0123456789"])
    version = {"io.modelcontextprotocol/protocolVersion": secret}
    for message in (request(1, secret), request(1, "tools/call", {"name": secret}), request(1, "ping", {"_meta": version})):
        assert "error" in answer(message)
        assert secret not in json.dumps(answer(message))
