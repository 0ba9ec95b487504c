"""The echo provider: what the names of its models make it do."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_models.servers.core.errors import ERROR_TYPES
from tests.peer import Peer, call


@pytest.fixture(scope="module")
def server() -> Any:
    with Peer("echo") as peer:
        yield peer


def ask(server: Peer, **arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = server.ask(call(1, {"prompt": "one two three four", **arguments}))["result"]
    return result


def record(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["_meta"]["mcp-models/completion"]
    return found


def test_it_repeats_the_prompt_and_counts_words(server: Peer) -> None:
    result = ask(server)
    assert result["content"][0]["text"] == "one two three four"
    assert record(result)["usage"]["input_tokens"] == record(result)["usage"]["output_tokens"] == 4
    assert record(result)["stop_reason"] == "end_turn"
    assert record(result)["cost_usd"] == 0


def test_it_answers_the_last_turn_of_a_conversation(server: Peer) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert server.ask(call(1, {"messages": messages}))["result"]["content"][0]["text"] == "c"


@pytest.mark.parametrize("arguments", [{"max_tokens": 2}, {"model": "echo-max_tokens"}])
def test_it_stops_at_max_tokens(server: Peer, arguments: dict[str, Any]) -> None:
    result = ask(server, **arguments)
    assert result["content"][0]["text"] == "one two"
    assert record(result)["stop_reason"] == "max_tokens"


def test_it_can_be_slow(server: Peer) -> None:
    assert record(ask(server, model="echo-slow-0.2"))["latency_ms"] >= 200


@pytest.mark.parametrize("kind", ERROR_TYPES)
def test_it_can_fail_in_every_way(server: Peer, kind: str) -> None:
    result = ask(server, model=f"echo-error-{kind}")
    assert result["isError"] is True
    assert result["_meta"]["mcp-models/error"]["type"] == kind


def test_it_can_return_nothing(server: Peer) -> None:
    assert ask(server, model="echo-empty")["_meta"]["mcp-models/error"]["type"] == "empty_output"


@pytest.mark.parametrize("model", ["gpt-4", "echo-nope", "echo-error-nope", "echo-slow-ly"])
def test_it_knows_no_other_model(server: Peer, model: str) -> None:
    assert ask(server, model=model)["_meta"]["mcp-models/error"]["type"] == "model_not_found"
