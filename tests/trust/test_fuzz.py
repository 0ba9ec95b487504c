"""Fuzz: each line gets what it is owed, from the protocol, from each server, and from the bridge as a client."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from mcp_models.servers import server_modules
from mcp_models.servers.core.protocol import Cancellation, ToolCall, receive
from tests.peer import request
from tests.servers.core.test_protocol import SERVER
from tests.trust.fuzz_bridge import check_bridge
from tests.trust.fuzz_lines import LINES
from tests.trust.fuzz_oracle import Oracle
from tests.trust.fuzz_servers import check_server


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES)
def test_the_protocol_owes_each_line_one_answer_or_none(template: bytes) -> None:
    line = template.replace(b"@ID@", b"1").replace(b"@PREVIOUS@", b"0").strip()
    if not line:
        return
    oracle = Oracle()
    oracle.sent(line)
    action = receive(line, SERVER)
    assert isinstance(action, ToolCall | Cancellation | dict | None)
    if isinstance(action, dict):
        oracle.received(json.dumps(action).encode())
        assert (oracle.wrong, oracle.done) == ([], True)
    else:
        assert (oracle.errors, len(oracle.owed)) == (0, isinstance(action, ToolCall))


def test_a_server_answers_each_request_once() -> None:
    assert check_server("echo", 1000).failures == []


def test_the_bridge_gives_each_call_one_end() -> None:
    assert check_bridge(500).failures == []


@pytest.mark.slow
@pytest.mark.parametrize("provider", server_modules())
def test_every_server_answers_each_request_once(provider: str) -> None:
    assert check_server(provider, 2000).failures == []


@pytest.mark.slow
def test_the_bridge_gives_many_calls_one_end_each() -> None:
    assert check_bridge(5000).failures == []


PING = json.dumps(request(1, "ping")).encode()


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ([b'{"jsonrpc":"2.0","id":1,"result":{}}'] * 2, "not owed"),
        ([b'{"jsonrpc":"2.0","id":2,"result":{}}'], "not owed"),
        ([b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}'], "not owed"),
        ([b'{"jsonrpc":"2.0","id":1}'], "refused"),
        ([b"nonsense"], "refused"),
        ([b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'], "refused"),
    ],
)
def test_the_oracle_finds_what_is_wrong(answers: list[bytes], what: str) -> None:
    oracle = Oracle()
    oracle.sent(PING)
    for answer in answers:
        oracle.received(answer)
    assert what in oracle.wrong[0]


def test_the_oracle_waits_for_what_is_owed() -> None:
    oracle = Oracle()
    for line in (PING, b"nonsense", b'{"jsonrpc": "2.0", "method": "notifications/initialized"}', b" "):
        oracle.sent(line)
    assert (oracle.owed, oracle.errors) == ({"1": 1}, 1)
