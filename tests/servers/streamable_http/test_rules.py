"""What the two eras ask of an HTTP server, line by line of the table in docs/http.md."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from mcp.shared import inbound

from mcp_models.servers.streamable_http import exchange
from tests.peer import MODERN, MODERN_META, call, request
from tests.servers.streamable_http.serving import Served, era_headers, events, quiet_echo, serving

LIST = request(1, "tools/list")
MODERN_LIST = request(1, "tools/list", modern=True)
MODERN_CALL = call(1, {"prompt": "hi"}, modern=True)
NOTE = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
RESPONSE = {"jsonrpc": "2.0", "id": 1, "result": {}}
NO_META = request(1, "tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}})
UNKNOWN = request(1, "tools/list", {"_meta": {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}})
BASE64 = f"=?base64?{base64.b64encode(b'complete').decode()}?="


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving([quiet_echo()], max_body=10_000) as found:
        yield found


@pytest.mark.parametrize(
    ("message", "headers", "status", "code"),
    [
        (MODERN_LIST, {}, 200, None),
        (MODERN_CALL, {}, 200, None),
        (MODERN_CALL, {"mcp_name": BASE64}, 200, None),
        (MODERN_CALL, {"mcp_name": None}, 400, -32020),
        (MODERN_CALL, {"mcp_name": "Complete"}, 400, -32020),
        (MODERN_CALL, {"mcp_name": "=?base64?!?="}, 400, -32020),
        (MODERN_LIST, {"mcp_method": None}, 400, -32020),
        (MODERN_LIST, {"mcp_method": "tools/call"}, 400, -32020),
        (MODERN_LIST, {"mcp_protocol_version": None}, 400, -32020),
        (MODERN_LIST, {"mcp_protocol_version": "2025-11-25"}, 400, -32020),
        (LIST, {"mcp_protocol_version": MODERN}, 400, -32602),
        (NO_META, {"mcp_protocol_version": MODERN}, 400, -32602),
        (NO_META, {"mcp_protocol_version": None}, 400, -32602),
        (UNKNOWN, {"mcp_protocol_version": "2099-01-01"}, 400, -32022),
        (request(1, "nope", modern=True), {}, 404, -32601),
        (request(1, "ping", modern=True), {}, 404, -32601),
        (request(1, "tools/call", {"name": "nope"}, modern=True), {}, 400, -32602),
        (NOTE, {"mcp_protocol_version": MODERN}, 202, None),
        (RESPONSE, {"mcp_protocol_version": MODERN}, 400, -32600),
        (MODERN_LIST, {"mcp_session_id": "one", "last_event_id": "7"}, 200, None),
        (LIST, {}, 200, None),
        (LIST, {"mcp_protocol_version": None}, 200, None),
        (LIST, {"mcp_protocol_version": "2024-11-05"}, 200, None),
        (LIST, {"mcp_protocol_version": "2025-01-01"}, 400, -32022),
        (LIST, {"mcp_method": "ignored", "mcp_name": "ignored"}, 200, None),
        (request(1, "nope"), {}, 200, -32601),
        (NOTE, {}, 202, None),
        (RESPONSE, {}, 202, None),
        ([LIST], {}, 400, -32600),
        (b"{", {}, 400, -32700),
        (b"", {}, 400, -32700),
        (request(None, "tools/list"), {}, 400, -32600),
        (LIST, {"accept": "application/json"}, 406, -32010),
        (LIST, {"accept": "*/*"}, 200, None),
        (LIST, {"content_type": "text/plain"}, 415, -32010),
        (LIST, {"content_type": "application/json; charset=utf-8"}, 200, None),
        (LIST, {"origin": "https://evil.example"}, 403, -32010),
        (LIST, {"origin": "http://[half-an-address"}, 403, -32010),
        (LIST, {"origin": "https://friend.example"}, 200, None),
        (LIST, {"host": "evil.example"}, 421, -32010),
        (b"[" + b" " * 10_000, {}, 413, -32010),
    ],
)
def test_a_message(served: Served, message: Any, headers: dict[str, str | None], status: int, code: int | None) -> None:
    response = served.post(message, "/echo/mcp", **headers)
    assert response.status_code == status, response.text
    assert "mcp-session-id" not in response.headers
    if status == 202:
        assert response.content == b""
    else:
        assert response.json().get("error", {}).get("code") == code


@pytest.mark.parametrize("message", [MODERN_LIST, MODERN_CALL, LIST, NO_META, UNKNOWN], ids=str)
@pytest.mark.parametrize("change", [{}, {"mcp_method": None}, {"mcp_name": "other"}, {"mcp_protocol_version": "2099-01-01"}])
def test_the_official_sdk_judges_the_modern_headers_alike(served: Served, message: Any, change: dict[str, str | None]) -> None:
    headers = {**era_headers(message), **{name.replace("_", "-"): value for name, value in change.items()}}
    sent = {name: value for name, value in headers.items() if value is not None}
    if sent.get("mcp-protocol-version") in (None, "2025-11-25") and "_meta" not in message["params"]:
        return  # the older era
    found = inbound.classify_inbound_request(message, headers=sent)
    expected = getattr(found, "code", None)
    if expected == -32602 and sent["mcp-protocol-version"] == "2099-01-01":
        expected = -32022  # both are wrong, and the specification does not say which one to name
    assert served.post(message, "/echo/mcp", **change).json().get("error", {}).get("code") == expected


def test_blanks_around_a_header_do_not_count(served: Served) -> None:
    """httptools leaves those at the end of a value where they are."""
    host = served.url.removeprefix("http://")
    body = json.dumps(MODERN_LIST).encode()
    fields = "".join(f"{name}: \t {value} \t\r\n" for name, value in era_headers(MODERN_LIST).items())
    head = f"POST /echo/mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(tuple(host.split(":")), 5) as connection:  # type: ignore[arg-type]
        connection.sendall(f"{head}{fields}\r\n".encode() + body)
        assert connection.recv(20).startswith(b"HTTP/1.1 200")


def test_the_supported_versions_are_those_of_discovery(served: Served) -> None:
    supported = served.post(UNKNOWN, mcp_protocol_version="2099-01-01").json()["error"]["data"]["supported"]
    by_header = served.post(LIST, mcp_protocol_version="2099-01-01").json()["error"]["data"]["supported"]
    found = served.post(request(1, "server/discover", modern=True)).json()["result"]["supportedVersions"]
    assert supported == by_header == found == [MODERN]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_to_get_and_no_session_to_delete(served: Served, method: str) -> None:
    response = served.client.request(method, "/echo/mcp", headers={"accept": "text/event-stream"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_another_path_says_what_there_is(served: Served) -> None:
    response = served.post(LIST, path="/mcp")
    assert (response.status_code, response.json()["error"]["message"]) == (404, "nothing is here; there are /echo/mcp")


def test_a_header_that_counts_is_there_once(served: Served) -> None:
    twice = [*era_headers(MODERN_LIST).items(), ("mcp-method", "tools/list")]
    headers: list[tuple[str, str]] = [(name, str(value)) for name, value in [*twice, ("content-type", "application/json")]]
    assert served.client.post("/echo/mcp", json=MODERN_LIST, headers=headers).json()["error"]["code"] == -32020


@pytest.mark.parametrize("modern", [True, False])
def test_progress_comes_as_events_with_the_result_last(served: Served, modern: bool) -> None:
    message = call(7, {"prompt": "one two three", "model": "echo-slow-0.1"}, modern=modern, progressToken="p")
    response = served.post(message)
    *notes, last = events(response)
    assert {note["params"]["progressToken"] for note in notes} == {"p"}
    assert (last["id"], last["result"]["content"][0]["text"]) == (7, "one two three")
    assert response.headers["x-accel-buffering"] == "no"


def test_a_long_silent_call_becomes_a_stream_with_pings(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_models.servers.streamable_http.endpoint.PING_SECONDS", 0.05)
    response = served.post(call(7, {"prompt": "one", "model": "echo-slow-0.3"}))
    assert response.text.startswith(exchange.PING.decode())
    assert events(response)[-1]["result"]["content"][0]["text"] == "one"


def test_a_body_that_does_not_come_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.1)
    host = served.url.removeprefix("http://")
    head = f"POST /echo/mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
    with socket.create_connection(tuple(host.split(":")), 5) as connection:  # type: ignore[arg-type]
        connection.sendall(head.encode())
        assert connection.recv(20).startswith(b"HTTP/1.1 408")


def test_the_probes_answer_under_any_name(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        response = served.client.get(path, headers={"host": "10.0.0.7:8000"})
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_ledger_that_cannot_be_used_is_not_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MCP_MODELS_LEDGER", str(tmp_path / "file" / "ledger.sqlite3"))
    with serving([quiet_echo()]) as served:
        response = served.client.get("/readyz")
        assert (response.status_code, response.json()) == (503, {"status": "the ledger cannot be used"})
        assert served.client.get("/healthz").status_code == 200
