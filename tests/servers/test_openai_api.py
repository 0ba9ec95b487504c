"""The OpenAI provider: the real SDK over real sockets, with strict fakes of both of OpenAI's APIs."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from typing import Any

import pytest

from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.openai_mcp_server import OpenAI
from tests.fakes.endpoint import Reply, json_reply
from tests.fakes.openai import TEXT, FakeOpenAI, chat_chunk, deltas, error, message, response, sse, stream
from tests.peer import Peer, call, request
from tests.servers.contract import ask, ask_again

IMAGE = "data:image/png;base64,iVBORw0KGgo="
CONVERSATION = [
    {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image", "url": IMAGE}]},
    {"role": "assistant", "content": "I see."},
    {"role": "user", "content": "And?"},
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_WIRE_API", request.param)
    return str(request.param)


@pytest.fixture
def responses_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WIRE_API", "responses")


def test_an_answer_with_everything_known_about_it(openai: FakeOpenAI, api: str) -> None:
    record = ask("openai", model="gpt-x")
    assert record["text"] == TEXT
    assert record["model"].startswith("gpt-x")
    assert record["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 4,
        "web_searches": 0,
    }
    assert (record["tokens_used"], record["stop_reason"], record["request_id"]) == (30, "end_turn", "req_fake")
    assert (record["provider"], record["auth_mode"]) == ("openai", "api_key")


def test_the_request_in_the_responses_api(openai: FakeOpenAI, responses_api: None) -> None:
    ask(
        "openai",
        model="m",
        messages=CONVERSATION,
        system="Be brief.",
        max_tokens=9,
        temperature=0,
        top_p=0.5,
        reasoning_effort="low",
    )
    assert openai.requests[0].body == {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look:"},
                    {"type": "input_image", "image_url": IMAGE, "detail": "auto"},
                ],
            },
            {"type": "message", "role": "assistant", "content": "I see."},
            {"type": "message", "role": "user", "content": "And?"},
        ],
        "store": False,
        "stream": True,
        "max_output_tokens": 9,
        "temperature": 0,
        "top_p": 0.5,
        "reasoning": {"effort": "low"},
    }


def test_the_request_in_chat_completions(openai: FakeOpenAI) -> None:
    ask("openai", model="m", messages=CONVERSATION, system="Be brief.", max_tokens=9, temperature=0, stop=["END"], seed=3)
    assert openai.requests[0].body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": IMAGE}}],
            },
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": "And?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0,
        "stop": ["END"],
        "seed": 3,
    }


@pytest.mark.parametrize("arguments", [{"stop": ["x"]}, {"seed": 1}])
def test_what_responses_lacks_goes_to_chat_completions(
    openai: FakeOpenAI, responses_api: None, arguments: dict[str, Any]
) -> None:
    assert ask("openai", **arguments)["dropped_params"] == []
    assert openai.requests[0].path == "/v1/chat/completions"


def test_a_schema_comes_back_parsed(openai: FakeOpenAI, api: str) -> None:
    if api == "responses":
        openai.script(stream(sse({"type": "response.completed", "response": _responses_object('{"a":1}')})))
    else:
        openai.script(stream([*_chat_pieces('{"a":', "1}")]))
    record = ask("openai", response_schema=SCHEMA)
    assert record["structured"] == {"a": 1}
    body = openai.requests[0].body
    sent = body["text"]["format"] if api == "responses" else body["response_format"]["json_schema"]
    assert (sent["schema"], sent["strict"], sent["name"]) == (SCHEMA, True, "answer")


def test_an_ordinary_schema_becomes_strict_and_the_answer_fits_the_callers(openai: FakeOpenAI) -> None:
    schema = {
        "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "string", "minLength": 2}},
        "required": ["a"],
    }
    openai.script(stream([*_chat_pieces('{"a": 1, "b": null}')]))
    record = ask("openai", response_schema=schema, model="m")
    assert (record["structured"], json.loads(record["text"]), record["warnings"]) == ({"a": 1}, {"a": 1}, [])
    sent = openai.requests[0].body["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "minimum": 1},
            "b": {"anyOf": [{"type": "string", "description": "{minLength: 2}"}, {"type": "null"}]},
        },
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def test_an_answer_that_is_no_object_comes_out_of_its_wrapper(openai: FakeOpenAI) -> None:
    openai.script(stream([*_chat_pieces('{"answer": [1, 2]}')]))
    record = ask("openai", response_schema={"type": "array", "items": {"type": "integer"}}, model="m")
    assert (record["structured"], json.loads(record["text"])) == ([1, 2], [1, 2])
    assert openai.requests[0].body["response_format"]["json_schema"]["schema"]["required"] == ["answer"]


def test_a_schema_that_cannot_be_strict_is_sent_all_the_same(openai: FakeOpenAI) -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    openai.script(stream([*_chat_pieces('{"x": "y"}')]))
    record = ask("openai", response_schema=schema, model="m")
    assert openai.requests[0].body["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": False}
    assert record["structured"] == {"x": "y"}
    assert "the answer does not fit" in record["warnings"][0]
    assert "does not fit `response_schema`" in record["note"]


def test_what_is_no_schema_is_said_and_nothing_is_sent(openai: FakeOpenAI) -> None:
    record = ask("openai", response_schema={"type": "objekt"})
    assert record["type"] == "invalid_request"
    assert record["message"].startswith("OpenAI: response_schema: type: ")
    assert openai.requests == []


def test_a_default_temperature_is_not_forced_on_a_reasoning_model(openai: FakeOpenAI, api: str) -> None:
    with Peer("openai") as server:
        assert ask_again(server, model="reasoner")["dropped_params"] == []
        assert ask_again(server, model="reasoner", temperature=1)["dropped_params"] == ["temperature"]


@pytest.mark.parametrize(
    ("reply", "kind", "retryable"),
    [
        (error(400, "max_tokens is too large", param="max_output_tokens"), "invalid_request", False),
        (error(400, "maximum context length is 5", code="context_length_exceeded"), "context_length", False),
        (error(401, "Incorrect API key", code="invalid_api_key"), "authentication", False),
        (error(403, "no access"), "permission", False),
        (error(404, "no such model", code="model_not_found"), "model_not_found", False),
        (error(429, "slow down", kind="requests", code="rate_limit_exceeded"), "rate_limit", True),
        (error(429, "no credit", kind="insufficient_quota", code="insufficient_quota"), "billing", False),
        (error(500, "oops", kind="server_error"), "provider_error", True),
        (error(503, "busy"), "overloaded", True),
        (error(529, "busy"), "overloaded", True),
        (Reply(502, b"<html>Bad gateway</html>", content_type="text/html"), "provider_error", True),
        (Reply(200, b"<html>Welcome</html>", content_type="text/html"), "provider_error", False),
        (Reply(200, b'data: {"broken\n\n', content_type="text/event-stream"), "provider_error", False),
        (Reply(200, b'data: {"error": {"message": "upset"}}\n\n', content_type="text/event-stream"), "provider_error", False),
        (Reply(200, b'data: {"type": "response.completed", "response": 5, "choices": 5}\n\n'), "provider_error", False),
    ],
)
def test_failures(openai: FakeOpenAI, api: str, reply: Reply, kind: str, retryable: bool) -> None:
    openai.script(reply)
    record = ask("openai")
    assert (record["type"], record["retryable"]) == (kind, retryable), record["message"]
    assert record["text"] == record["message"]
    assert record["text"].startswith("OpenAI: ")


def test_retry_after_and_request_id_reach_the_caller(openai: FakeOpenAI, api: str) -> None:
    openai.script(error(429, "slow down", retry_after="7"))
    record = ask("openai")
    assert (record["retry_after"], record["request_id"], record["status"]) == (7, "req_fake", 429)


def test_a_key_that_a_proxy_echoes_as_the_request_id_goes_nowhere(openai: FakeOpenAI, api: str) -> None:
    openai.script(error(429, "slow down", x_request_id=f"for {openai.key}"))
    assert ask("openai")["request_id"] == "for [redacted]"


def test_a_passing_failure_is_tried_again(openai: FakeOpenAI, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "2")
    openai.script(error(529, "busy", retry_after_ms="10"), error(500, "oops", retry_after_ms="10"))
    assert ask("openai")["text"] == TEXT
    assert len(openai.requests) == 3


def test_a_refused_key_does_not_leak(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-another-made-up-key-42")
    record = ask("openai")
    assert record["type"] == "authentication"
    assert "sk-proj" not in str(record)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OPENAI_API_KEY", None, "OPENAI_API_KEY is not set"),
        ("OPENAI_API_KEY", "sk-proj-secret\nsecond-line", "OPENAI_API_KEY holds"),
        ("OPENAI_API_KEY", "sk-proj-sécret", "OPENAI_API_KEY holds"),
        ("OPENAI_BASE_URL", "not a url", "OPENAI_BASE_URL: expected a URL"),
        ("OPENAI_WIRE_API", "grpc", "OPENAI_WIRE_API: expected"),
    ],
)
def test_what_is_not_set_up_is_said_and_nothing_leaks(
    openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, words: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    record = ask("openai")
    assert record["type"] == "configuration"
    assert words in record["message"]
    assert "secret" not in str(record)
    assert openai.requests == []


def test_a_missing_sdk_is_said(monkeypatch: pytest.MonkeyPatch, openai: FakeOpenAI, tmp_path: Any) -> None:
    (tmp_path / "openai.py").write_text("raise ModuleNotFoundError('No module named openai', name='openai')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")
    with Peer(sys.executable, "-m", "mcp_models.servers.openai_mcp_server") as server:  # this server imports the SDK itself
        record = ask_again(server)
    assert record["type"] == "configuration"
    assert 'pip install "mcp-models[openai]"' in record["message"]


def test_both_shapes_of_a_refusal(openai: FakeOpenAI, api: str) -> None:
    if api == "responses":
        output = [message("I cannot help with that.", "refusal")]
        openai.script(stream(sse({"type": "response.completed", "response": _responses_object("", output=output)})))
    else:
        openai.script(stream([_chat(delta={"refusal": "I cannot help with that."}), _chat(finish_reason="stop")]))
    record = ask("openai")
    assert record["type"] == "refusal"
    assert "I cannot help with that." in record["message"]


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "max_output_tokens"}, "empty_output"),
    ],
)
def test_an_incomplete_response_without_text(
    openai: FakeOpenAI, responses_api: None, details: dict[str, str], kind: str
) -> None:
    body = _responses_object("", status="incomplete", incomplete_details=details, output=[])
    openai.script(stream(sse({"type": "response.incomplete", "response": body})))
    record = ask("openai")
    assert record["type"] == kind
    if kind == "empty_output":
        assert "went into thinking" in record["message"]


@pytest.mark.parametrize(
    ("reason", "mapped"), [("max_output_tokens", "max_tokens"), ("max_messages", "other"), ("something_new", "other")]
)
def test_stop_words_of_responses(openai: FakeOpenAI, responses_api: None, reason: str, mapped: str) -> None:
    body = _responses_object("text", status="incomplete", incomplete_details={"reason": reason})
    openai.script(stream(sse({"type": "response.incomplete", "response": body})))
    record = ask("openai")
    assert (record["stop_reason"], record["native_stop_reason"]) == (mapped, reason)


@pytest.mark.parametrize(
    ("reason", "mapped"), [("length", "max_tokens"), ("tool_calls", "tool_use"), ("eos", "other"), ("stop", "end_turn")]
)
def test_stop_words_of_chat(openai: FakeOpenAI, reason: str, mapped: str) -> None:
    openai.script(stream([_chat(delta={"content": "text"}), _chat(finish_reason=reason)]))
    record = ask("openai")
    assert (record["stop_reason"], record["native_stop_reason"]) == (mapped, reason)


def test_thinking_is_never_the_answer(openai: FakeOpenAI) -> None:
    thought = _chat(delta={"reasoning_content": "hmm"})
    openai.script(
        stream([thought, _chat(delta={"content": "yes"}), _chat(finish_reason="stop")]),
        stream([thought, _chat(finish_reason="length")]),
    )
    with Peer("openai") as server:
        answer = ask_again(server)
        assert (answer["text"], answer["reasoning"]) == ("yes", "hmm")
        assert ask_again(server)["type"] == "empty_output"


def test_a_failed_response(openai: FakeOpenAI, responses_api: None) -> None:
    body = _responses_object("", status="failed", error={"code": "server_error", "message": "The model broke."})
    openai.script(stream(sse({"type": "response.failed", "response": body})))
    record = ask("openai")
    assert (record["type"], record["retryable"]) == ("provider_error", True)
    assert "The model broke." in record["message"]


def test_an_error_event_of_the_responses_api(openai: FakeOpenAI, responses_api: None) -> None:
    event = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None, "sequence_number": 3}
    openai.script(stream([*deltas("Half an"), *sse(event)]))
    record = ask("openai")
    assert (record["type"], record["partial"], record["request_id"]) == ("rate_limit", "Half an", "req_fake")
    assert "Slow down." in record["message"]


def test_a_gateway_to_a_reasoning_model_is_told_the_limit_by_its_new_name(openai: FakeOpenAI) -> None:
    text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    openai.script(error(400, text, param="max_tokens", code="unsupported_parameter"))
    with Peer("openai") as server:
        assert ask_again(server, max_tokens=9)["text"] == TEXT
        assert ask_again(server, max_tokens=9)["text"] == TEXT
    limits = [(request.body.get("max_tokens"), request.body.get("max_completion_tokens")) for request in openai.requests]
    assert limits == [(9, None), (None, 9), (None, 9)]


@pytest.mark.parametrize(
    ("url", "openais"),
    [
        ("https://api.openai.com/v1", True),
        ("https://api.openai.com:443/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://me.openai.azure.com/openai/v1", True),
        ("http://127.0.0.1:1/v1", False),
        ("https://api.openai.com.example.org/v1", False),
    ],
)
def test_openais_own_hosts(url: str, openais: bool) -> None:
    assert OpenAI({"OPENAI_BASE_URL": url})._is_openais() is openais


def test_another_model_than_the_one_asked_is_named(openai: FakeOpenAI, responses_api: None) -> None:
    for answered, warnings in (("gpt-x-2026-01-01", 0), ("gpt-x", 0), ("gpt-x-mini", 1)):
        body = {**_responses_object("text"), "model": answered}
        openai.script(stream(sse({"type": "response.completed", "response": body})))
        assert len(ask("openai", model="gpt-x")["warnings"]) == warnings


def test_a_wrong_path_is_a_matter_of_the_address(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{openai.url}/nowhere")
    openai.script(Reply(404, b"404 page not found", content_type="text/plain"))
    monkeypatch.setattr(FakeOpenAI, "check", lambda self, request: None)
    record = ask("openai")
    assert record["type"] == "configuration"
    assert "check the server's address" in record["message"]


def test_a_stream_cut_in_its_middle_keeps_what_had_come(openai: FakeOpenAI, api: str) -> None:
    chunks = deltas("Half an") if api == "responses" else [_chat(delta={"content": "Half an"})]
    openai.script(stream(chunks, cut=True))
    record = ask("openai")
    assert (record["type"], record["partial"]) == ("connection", "Half an")


def test_cancelling_closes_the_providers_socket(openai: FakeOpenAI, api: str) -> None:
    piece = deltas("tick")[0] if api == "responses" else _chat(delta={"content": "tick"})
    openai.script(stream(itertools.repeat(piece), pause=0.05))
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "x"}, progressToken=1))
        assert "characters" in server.read()["params"]["message"]
        server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        assert openai.disconnected.wait(5)


def test_cancelling_before_the_first_byte_closes_the_socket(openai: FakeOpenAI, api: str) -> None:
    openai.script(stream([b": \n\n"], pause=60))
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "x"}))
        assert openai.arrived.acquire(timeout=20)
        server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        assert openai.disconnected.wait(5)


@pytest.mark.parametrize("end", ["stdin and stdout close", "SIGTERM", "deadline"])
def test_the_end_of_a_call_closes_the_socket(openai: FakeOpenAI, end: str) -> None:
    openai.script(stream([b": \n\n"], pause=60))
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "x", "timeout": 2 if end == "deadline" else 100}))
        assert openai.arrived.acquire(timeout=20)
        started = time.monotonic()
        if end == "SIGTERM":
            server.signal(signal.SIGTERM)
        elif end == "deadline":
            assert server.read()["result"]["_meta"]["mcp-models/error"]["type"] == "timeout"
        else:
            server.close_stdin()
            os.kill(server.process.pid, signal.SIGTERM)
        assert openai.disconnected.wait(5)
        assert time.monotonic() - started < 3


def test_a_proxy_does_not_catch_loopback(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert ask("openai")["text"] == TEXT


def test_two_hundred_calls_at_once(openai: FakeOpenAI) -> None:
    with Peer("openai") as server:
        server.send(*(call(n, {"prompt": "x"}) for n in range(200)))
        assert sorted(server.read()["id"] for _ in range(200)) == list(range(200))


def test_nothing_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    record = ask("openai")
    assert (record["type"], record["retryable"]) == ("connection", True)
    assert "127.0.0.1:9" in record["message"]


def test_a_huge_error_body(openai: FakeOpenAI) -> None:
    openai.script(Reply(400, b"x" * 50_000_000, content_type="text/plain"))
    record = ask("openai")
    assert record["type"] == "invalid_request"
    assert len(record["message"]) < 500


def test_an_error_that_is_no_object(openai: FakeOpenAI) -> None:
    openai.script(json_reply(["what"], 400))
    assert ask("openai")["type"] == "invalid_request"


def _responses_object(text: str, **fields: Any) -> dict[str, Any]:
    from tests.fakes.endpoint import Request

    fields.setdefault("output", [message(text)] if text else [])
    return response(Request("POST", "", {}, {"model": "m"}), **fields)


def _chat(delta: dict[str, Any] | None = None, finish_reason: str | None = None) -> bytes:
    from tests.fakes.endpoint import Request

    return chat_chunk(Request("POST", "", {}, {"model": "m"}), delta or {}, finish_reason)


def _chat_pieces(*texts: str) -> list[bytes]:
    return [*(_chat(delta={"content": text}) for text in texts), _chat(finish_reason="stop")]


def at(url: str, **env: str) -> OpenAI:
    """Return an adapter for an address that is never contacted."""
    return OpenAI({"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": url, **env})


OWN, FOREIGN, AZURE = "https://api.openai.com/v1", "http://127.0.0.1:1/v1", "https://me.openai.azure.com/openai/v1"


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("gpt-5.2", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.2-2025-12-11", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.2-pro", ("medium", "high", "xhigh")),
        ("gpt-5.2-codex", ("low", "medium", "high", "xhigh")),
        ("gpt-5.1", ("none", "low", "medium", "high")),
        ("gpt-5-mini", ("minimal", "low", "medium", "high")),
        ("gpt-5-pro", ("high",)),
        ("gpt-5.6-sol", ("none", "low", "medium", "high", "xhigh", "max")),
        ("gpt-6-astra", ("low", "medium", "high", "xhigh", "max")),
        ("gpt-6.2-sol", ("low", "medium", "high", "xhigh")),
        ("o3-mini", ("low", "medium", "high")),
        ("gpt-9", ()),
    ],
)
def test_the_efforts_of_openais_models(model: str, efforts: tuple[str, ...]) -> None:
    assert at(OWN).efforts(model) == efforts
    assert at(FOREIGN).efforts(model) == ()


@pytest.mark.parametrize(
    ("model", "ignored"), [("gpt-4o", {"reasoning_effort"}), ("gpt-5.5-pro", {"stop", "seed"}), ("gpt-5.2", set())]
)
def test_what_a_model_of_openais_lacks_is_known(model: str, ignored: set[str]) -> None:
    assert at(OWN).ignores(model) == ignored
    assert at(FOREIGN).ignores(model) == set()


@pytest.mark.parametrize(
    ("url", "arguments", "api"),
    [
        (OWN, {}, "responses"),
        (OWN, {"stop": ["x"]}, "chat"),
        (OWN, {"stop": ["x"], "model": "gpt-5-codex"}, "responses"),
        (OWN, {"max_tokens": 15}, "chat"),
        (OWN, {"max_tokens": 16}, "responses"),
        (OWN, {"max_tokens": 15, "model": "gpt-5.5-pro"}, "responses"),
        (FOREIGN, {}, "chat"),
        (AZURE, {}, "responses"),
    ],
)
def test_which_api_is_asked(url: str, arguments: dict[str, Any], api: str) -> None:
    request = CompletionRequest(**{"prompt": "x", "model": "gpt-5.2", **arguments})
    assert at(url).wire_api(request) == api


def test_a_limit_below_what_responses_take_is_raised_with_a_warning_where_there_is_no_other_api() -> None:
    request, (warning,) = at(OWN)._with_least_limit(CompletionRequest(prompt="x", model="gpt-5.5-pro", max_tokens=1))
    assert (request.limit, "16" in warning) == (16, True)


@pytest.mark.parametrize(("url", "priced"), [(OWN, True), (AZURE, False), (FOREIGN, False)])
def test_only_openais_own_address_has_its_prices(url: str, priced: bool) -> None:
    assert at(url).has_list_prices() is priced


def test_what_the_sdk_reads_of_the_environment_goes_to_openai_only(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "for-openai-alone")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: for-openai-alone")
    ask("openai")
    assert "for-openai-alone" not in str(openai.requests[0].headers)
    assert at(OWN).connect().organization == "for-openai-alone"


def test_a_temperature_refused_at_one_effort_is_sent_at_another(openai: FakeOpenAI) -> None:
    """gpt-5.2 accepts one only at the effort `none`, but its refusal sounds as if the parameter never worked."""
    refusal = error(400, "Unsupported parameter: 'temperature' is not supported with this model.", param="temperature")
    with Peer("openai") as server:
        openai.script(refusal)
        record = ask_again(server, temperature=0.5, reasoning_effort="high")
        assert record["dropped_params"] == ["temperature"]
        assert ask_again(server, temperature=0.5)["dropped_params"] == []
        assert openai.requests[-1].body["temperature"] == 0.5
        assert ask_again(server, temperature=0.5, reasoning_effort="high")["dropped_params"] == ["temperature"]
        assert len(openai.requests) == 4


def test_an_effort_is_mapped_to_those_that_a_refusal_lists(openai: FakeOpenAI) -> None:
    text = "Unsupported value: 'minimal' is not supported with the 'gpt-x' model. Supported values are: 'low' and 'high'."
    with Peer("openai") as server:
        openai.script(error(400, text, param="reasoning_effort", code="unsupported_value"))
        record = ask_again(server, reasoning_effort="minimal", model="gpt-x")
        assert record["warnings"] == ["reasoning_effort: gpt-x has no 'minimal', so 'low' was sent"]
        assert [request.body["reasoning_effort"] for request in openai.requests] == ["minimal", "low"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_under_either_name_is_kept_apart(openai: FakeOpenAI, name: str) -> None:
    openai.script(stream([_chat(delta={name: "hmm"}), _chat(finish_reason="length")]))
    assert "the whole budget went into thinking" in ask("openai")["message"]


def test_thinking_in_tags_is_kept_apart(openai: FakeOpenAI) -> None:
    openai.script(stream(_chat_pieces("<th", "ink>\nhm", "m</thi", "nk>", "\n\n", "yes, <think>", "ing")))
    record = ask("openai")
    assert (record["text"], record["reasoning"].strip()) == ("yes, <think>ing", "hmm")


@pytest.mark.parametrize("text", ["<", "<thin", "<b>", " <thinking>"])
def test_what_only_looks_like_a_tag_is_text(openai: FakeOpenAI, text: str) -> None:
    openai.script(stream(_chat_pieces(*text)))
    record = ask("openai")
    assert (record["text"], record["reasoning"]) == (text, None)


@pytest.mark.parametrize(
    ("usage", "read", "written"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2}}, 3, 2),
        ({"prompt_tokens_details": {"cached_tokens": 3, "cache_creation_input_tokens": 2}}, 3, 2),
        ({"prompt_cache_hit_tokens": 3}, 3, 0),
        ({"cached_tokens": 3}, 3, 0),
        ({"prompt_tokens_details": None, "completion_tokens_details": None}, 0, 0),
    ],
    ids=str,
)
def test_cached_tokens_under_each_of_their_names(openai: FakeOpenAI, usage: dict[str, Any], read: int, written: int) -> None:
    last = {"id": "1", "model": "m", "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": None, **usage}}
    openai.script(stream([*_chat_pieces("yes"), f"data: {json.dumps(last)}\n\n".encode()]))
    counted = ask("openai")["usage"]
    assert (counted["input_tokens"], counted["output_tokens"]) == (20, 0)
    assert (counted["cache_read_tokens"], counted["cache_write_tokens"]) == (read, written)


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {},
        {"choices": []},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": None}, "finish_reason": None}]},
    ],
    ids=str,
)
def test_a_chunk_without_its_parts_brings_nothing(openai: FakeOpenAI, odd: dict[str, Any]) -> None:
    chunk = f"data: {json.dumps({'id': '1', 'model': 'm', **odd})}\n\n".encode()
    openai.script(stream([chunk, *_chat_pieces("yes")]))
    assert ask("openai")["text"] == "yes"


def test_content_in_parts(openai: FakeOpenAI) -> None:
    openai.script(stream([_chat(delta={"content": [{"type": "text", "text": "yes"}]}), _chat(finish_reason="stop")]))
    assert ask("openai")["text"] == "yes"


@pytest.mark.parametrize(
    ("event", "kind", "retryable"),
    [
        ({"error": {"message": "upset", "type": "server_error", "code": None}}, "provider_error", True),
        ({"error": {"message": "upset", "code": 502}}, "provider_error", True),
        ({"error": {"message": "upset", "code": "429"}}, "rate_limit", True),
        ({"error": {"message": "upset", "code": 400}}, "invalid_request", False),
        ({"error": {"message": "litellm.APIConnectionError", "type": None, "code": "500"}}, "provider_error", True),
        ({"error": "upset", "code": "x"}, "provider_error", False),
        ({"message": "upset", "type": "server_error", "code": "server_error"}, "provider_error", True),
    ],
    ids=str,
)
def test_an_error_in_the_stream(openai: FakeOpenAI, event: dict[str, Any], kind: str, retryable: bool) -> None:
    openai.script(stream([_chat(delta={"content": "Half an"}), f"data: {json.dumps(event)}\n\n".encode()]))
    record = ask("openai")
    assert (record["type"], record["retryable"], record["partial"]) == (kind, retryable, "Half an")


def test_a_choice_that_ends_with_an_error_is_no_answer(openai: FakeOpenAI) -> None:
    openai.script(stream([_chat(delta={"content": "Half an"}), _chat(finish_reason="error")]))
    record = ask("openai")
    assert (record["type"], record["retryable"]) == ("provider_error", True)


def test_an_error_under_http_200(openai: FakeOpenAI) -> None:
    openai.script(json_reply({"error": {"message": "The quota is used up", "code": "insufficient_quota"}}, 200))
    record = ask("openai")
    assert "The quota is used up" in record["message"]
    assert record["type"] == "billing"


@pytest.mark.parametrize(
    ("reply", "kind", "retryable"),
    [
        (error(400, "filtered", code="content_filter"), "content_filter", False),
        (error(429, "no balance", code="1113"), "billing", False),
        (error(429, "used up", kind="exceeded_current_quota_error"), "billing", False),
        (error(429, "busy", kind="engine_overloaded_error"), "overloaded", True),
        (error(498, "no capacity", code="capacity_exceeded"), "overloaded", True),
        (error(500, "image input is not supported"), "invalid_request", False),
    ],
)
def test_what_providers_say_in_their_own_way(openai: FakeOpenAI, reply: Reply, kind: str, retryable: bool) -> None:
    openai.script(reply)
    record = ask("openai")
    assert (record["type"], record["retryable"]) == (kind, retryable)


def test_a_list_of_models_without_an_envelope(openai: FakeOpenAI) -> None:
    openai.script(json_reply([{"id": "b", "object": "model"}, {"id": "a"}]))
    with Peer("openai") as server:
        listed = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    assert [model["id"] for model in listed["_meta"]["mcp-models/models"]] == ["a", "b"]


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hmm"}]},
        {"type": "reasoning", "id": "r", "content": [{"type": "reasoning_text", "text": "hmm"}], "summary": []},
        {"type": "reasoning", "id": "r", "content": [{"type": "output_text", "text": "hmm"}], "status": "completed"},
    ],
    ids=["summary", "content", "LiteLLM's, without a summary"],
)
def test_thinking_in_each_of_its_shapes(openai: FakeOpenAI, responses_api: None, thought: dict[str, Any]) -> None:
    body = _responses_object("", output=[thought, message("yes")])
    openai.script(stream(sse({"type": "response.completed", "response": body})))
    record = ask("openai")
    assert (record["text"], record["reasoning"]) == ("yes", "hmm")


def test_remarks_on_the_work_are_not_part_of_the_answer(openai: FakeOpenAI, responses_api: None) -> None:
    aside, answer = {**message("I look it up."), "phase": "commentary", "id": "msg_0"}, message('{"a": 1}')
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**aside, "content": []}},
        {"type": "response.output_text.delta", "item_id": "msg_0", "delta": "I look it up."},
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": '{"a": 1}'},
        {"type": "response.completed", "response": _responses_object("", output=[aside, answer])},
    ]
    openai.script(stream(sse(*events)))
    record = ask("openai", response_schema=SCHEMA)
    assert (record["text"], record["structured"]) == ('{"a": 1}', {"a": 1})


def test_several_messages_are_set_apart(openai: FakeOpenAI, responses_api: None) -> None:
    events: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "item_id": "a", "delta": "One."},
        {"type": "response.output_text.delta", "item_id": "b", "delta": "Two."},
        {"type": "response.completed", "response": _responses_object("", output=[message("One."), message("Two.")])},
    ]
    openai.script(stream(sse(*events)))
    with Peer("openai") as server:
        server.send(call(1, {"prompt": "x"}, progressToken=1, **{"mcp-models/stream": True}))
        pieces = []
        while "id" not in (received := server.read()):
            pieces.append(received["params"].get("_meta", {}).get("mcp-models/delta", ""))
    assert "".join(pieces) == received["result"]["content"][0]["text"] == "One.\n\nTwo."
