"""devstral_local and the Anthropic adapter, with a real llama.cpp server and a tiny model with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xllamacpp", reason="no llama.cpp server for this platform")

from tests.fakes.gguf import write_model
from tests.fakes.llama import LlamaServer
from tests.peer import Peer, call, request
from tests.servers.contract import ask, ask_again


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.gguf", context=65536)


@pytest.fixture(scope="module")
def llama(model: Path) -> Iterator[LlamaServer]:
    with LlamaServer(model, context=2048) as server:
        yield server


@pytest.fixture
def server(llama: LlamaServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    monkeypatch.setenv("DEVSTRAL_ENDPOINT", llama.url)
    with Peer("devstral_local") as peer:
        yield peer


def test_a_real_completion(server: Peer) -> None:
    record = ask_again(server, model="tiny", max_tokens=8)
    assert len(record["text"].split()) >= 4
    assert (record["model"], record["provider"], record["auth_mode"]) == ("tiny", "devstral_local", "none")
    assert (record["stop_reason"], record["native_stop_reason"]) == ("max_tokens", "length")
    assert record["usage"]["output_tokens"] == 8
    assert record["tokens_used"] == record["usage"]["input_tokens"] + 8
    assert record["request_id"].startswith("chatcmpl-")


def test_the_default_temperature_makes_it_deterministic(server: Peer) -> None:
    assert ask_again(server, model="tiny", max_tokens=16)["text"] == ask_again(server, model="tiny", max_tokens=16)["text"]


def test_a_conversation_with_a_system_prompt(server: Peer) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    record = ask_again(server, model="tiny", messages=messages, system="Be brief.", max_tokens=4)
    assert record["usage"]["input_tokens"] > ask_again(server, model="tiny", prompt="c", max_tokens=4)["usage"]["input_tokens"]


def test_cached_tokens_are_counted_within_the_input(server: Peer) -> None:
    first = ask_again(server, model="tiny", prompt="water house light " * 20, max_tokens=1)["usage"]
    second = ask_again(server, model="tiny", prompt="water house light " * 20, max_tokens=1)["usage"]
    assert second["input_tokens"] == first["input_tokens"]
    assert second["cache_read_tokens"] > 0


def test_another_model_than_the_one_asked_is_named(server: Peer) -> None:
    assert ask_again(server, max_tokens=4)["warnings"] == ["tiny answered, not devstral"]


def test_a_stop_string_ends_the_answer(server: Peer) -> None:
    text = ask_again(server, model="tiny", max_tokens=16)["text"]
    stop = text.split()[2]
    record = ask_again(server, model="tiny", max_tokens=16, stop=[stop])
    assert record["text"].strip() == text.partition(stop)[0].strip()
    assert record["stop_reason"] == "end_turn"


def test_a_schema_is_followed(server: Peer) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    assert ask_again(server, model="tiny", response_schema=schema, max_tokens=64)["structured"] in ({"a": 1}, {"a": 2})


@pytest.mark.parametrize("effort", ["none", "low", "max"])
def test_reasoning_effort_is_passed_on(server: Peer, effort: str) -> None:
    record = ask_again(server, model="tiny", max_tokens=2, reasoning_effort=effort)
    assert (record["is_error"], record["dropped_params"]) == (False, [])


PORTABLE: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "b+"}, "n": {"minimum": 1, "type": "integer"}}},
    {"type": ["integer", "null"]},
    {"$ref": "#/$defs/X", "$defs": {"X": {"type": "array", "items": {"const": "x"}, "minItems": 1, "maxItems": 2}}},
    {"properties": {"a": {"oneOf": [{"type": "boolean"}, {"type": "null"}], "default": None}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"maxLength": 3}, "maxProperties": 1},
    {"type": "object", "properties": {"a": {"enum": [1]}}, "not": {"required": ["b"]}, "if": {}, "then": {}},
    {},
]


@pytest.mark.parametrize("schema", PORTABLE, ids=str)
def test_an_ordinary_schema_is_one_that_the_grammar_takes(server: Peer, schema: dict[str, Any]) -> None:
    record = ask_again(server, model="tiny", response_schema=schema, max_tokens=200)
    assert not record["is_error"], record["message"]


def test_a_prompt_past_the_context(server: Peer) -> None:
    record = ask_again(server, model="tiny", prompt="word " * 5000)
    assert (record["type"], record["status"]) == ("context_length", 400)
    assert "exceeds the available context size" in record["message"]


def test_an_image_for_a_model_that_cannot_see(server: Peer) -> None:
    image = {"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="}
    record = ask_again(server, model="tiny", messages=[{"role": "user", "content": [image]}])
    assert (record["type"], record["retryable"]) == ("invalid_request", False)
    assert "image" in record["message"]


def test_the_model_that_is_loaded_is_listed(server: Peer) -> None:
    result = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    (info,) = result["_meta"]["mcp-models/models"]
    assert (info["id"], info["context_tokens"]) == ("tiny", 2048)


def test_a_cancelled_call_frees_the_server_for_the_next(server: Peer) -> None:
    server.send(call(1, {"prompt": "x", "model": "tiny", "max_tokens": 2000}, progressToken=1))
    assert "method" in server.read()
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    server.send(call(2, {"prompt": "y", "model": "tiny", "max_tokens": 4}))
    while (message := server.read()).get("id") is None:
        pass
    assert message["id"] == 2
    assert not message["result"]["isError"]


def test_a_model_that_is_being_loaded_is_waited_for(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LlamaServer(model, hold=True) as llama:
        monkeypatch.setenv("DEVSTRAL_ENDPOINT", llama.url)
        with Peer("devstral_local") as server:
            loading = ask_again(server, model="tiny", max_tokens=4, timeout=1)
            assert (loading["type"], loading["retryable"]) in (("overloaded", True), ("timeout", True))
            server.send(call(1, {"prompt": "x", "model": "tiny", "max_tokens": 4}))
            llama.release()
            assert not server.read()["result"]["isError"]


def test_a_server_killed_in_mid_stream(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LlamaServer(model) as llama:
        monkeypatch.setenv("DEVSTRAL_ENDPOINT", llama.url)
        with Peer("devstral_local") as server:
            meta: dict[str, Any] = {"mcp-models/stream": True}
            server.send(call(1, {"prompt": "x", "model": "tiny", "max_tokens": 60000}, progressToken=1, **meta))
            assert "method" in server.read()
            llama.kill()
            while "id" not in (message := server.read()):
                pass
            error = message["result"]["_meta"]["mcp-models/error"]
            assert (error["type"], bool(error["partial"])) == ("connection", True)
            gone = ask_again(server)
            assert "llama.cpp server not responding" in gone["message"]


def test_the_anthropic_adapter_speaks_llama_cpps_messages_api(llama: LlamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llama.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up-for-llama-cpp")
    record = ask("anthropic", model="tiny", max_tokens=8, temperature=0)
    assert len(record["text"].split()) >= 4
    assert (record["model"], record["stop_reason"], record["usage"]["output_tokens"]) == ("tiny", "max_tokens", 8)
    assert record["usage"]["input_tokens"] > 8
    assert ask("anthropic", model="tiny", prompt="word " * 5000)["type"] == "context_length"
    stopped = ask("anthropic", model="tiny", max_tokens=16, temperature=0, stop=[record["text"].split()[1]])
    assert stopped["stop_reason"] == "stop_sequence"


TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_the_openai_adapter_speaks_both_of_llama_cpps_apis(
    llama: LlamaServer, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{llama.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-for-llama-cpp")
    monkeypatch.setenv("OPENAI_WIRE_API", api)
    record = ask("openai", model="tiny", messages=TURNS, system="Be brief.", max_tokens=8, temperature=0)
    assert not record["is_error"], record["text"]
    assert (record["model"], record["usage"]["output_tokens"]) == ("tiny", 8)
    image = [{"role": "user", "content": [{"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="}]}]
    unseen = ask("openai", model="tiny", messages=image)
    assert (unseen["type"], unseen["retryable"]) == ("invalid_request", False)
