"""Connections whose client sends nothing, sends for ever, or reads next to nothing."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.servers.streamable_http import connection
from mcp_models.servers.streamable_http.connection import Connection
from tests.peer import call
from tests.servers.streamable_http.serving import ACCEPT, Served, quiet_echo, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving([quiet_echo()]) as found:
        yield found


def said(served: Served, *sent: bytes) -> bytes:
    """Return all that the server says until it hangs up."""
    host, port = served.url.removeprefix("http://").split(":")
    found = b""
    with socket.create_connection((host, int(port)), 5) as client, contextlib.suppress(ConnectionError):
        for part in sent:
            client.sendall(part)
        while part := client.recv(1 << 16):
            found += part
    return found


def head(served: Served, *fields: str, path: str = "/echo/mcp") -> bytes:
    host = served.url.removeprefix("http://")
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", "content-type: application/json", f"accept: {ACCEPT}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_connection_without_a_request_is_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SILENT_SECONDS", 0.1)
    assert said(served) == b""


def test_a_head_that_does_not_end_in_time_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    assert said(served, b"POST /echo/mcp HTTP/1.1\r\nhost: ") == b""


def test_a_body_that_nobody_waits_for_may_not_come_for_ever(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.1)
    assert said(served, head(served, "content-length: 9", path="/nothing")).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("name", ["one long value", "many fields"])
def test_a_head_that_is_too_long_is_refused(served: Served, name: str) -> None:
    """The parser itself has no limit, and keeps all that comes."""
    part = b"x" * 1000 if name == "one long value" else b"x: y\r\n" * 170
    parts = [part] * (connection.MAX_HEAD_BYTES // 1000 + 300)
    found = said(served, head(served)[:-2] + b"x-long: ", *parts)
    assert found in (b"", connection._TOO_LONG)  # empty if a reset overtakes it


def test_what_follows_a_body_has_a_limit_too(served: Served) -> None:
    found = said(
        served, head(served, "transfer-encoding: chunked", path="/nothing") + b"1\r\n{\r\n0\r\n", *[b"x: y\r\n" * 170] * 400
    )
    assert found == b"" or found.startswith(b"HTTP/1.1 404 ")


def test_a_call_and_what_follows_it_may_take_their_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "REQUEST_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(connection, name, 0.1)
    monkeypatch.setattr(connection, "MAX_HEAD_BYTES", 1000)
    bodies = [json.dumps(call(1, {"prompt": "x" * 90_000, "model": "echo-slow-0.4", "max_tokens": 10**9})).encode()] * 2
    requests = [head(served, f"content-length: {len(body)}") + body for body in bodies]
    last = head(served, "connection: close", path="/nothing")
    assert said(served, b"".join(requests) + last).count(b"HTTP/1.1 200 OK") == 2


class Unread:
    """A transport whose client does not read."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return 100_000


def test_a_client_that_reads_a_byte_now_and_then_is_cut_off_too() -> None:
    stuck: Any = object.__new__(Connection)
    stuck.transport = Unread()
    stuck._abort_if_stuck(100_001)
    assert stuck.transport.aborted


def test_an_idle_connection_does_not_wait_for_its_client_to_read() -> None:
    idle: Any = object.__new__(Connection)
    idle.transport = Unread()
    idle.timeout_keep_alive_handler()
    assert idle.transport.aborted


def test_who_offers_another_protocol_is_answered_in_this_one(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """Java's HTTP client offers HTTP/2 with each request."""
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAA"}
    for prompt in ("first", "on the same connection", "Upgrade: h2c"):
        answer = served.post(call(1, {"prompt": prompt}), "/echo/mcp", **offer).json()
        assert answer["result"]["content"][0]["text"] == prompt
    assert capfd.readouterr().err == ""
