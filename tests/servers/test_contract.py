"""The contract: what all providers do in the same way. With its fake, a new provider gets all of these tests."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.client.tool_result import read_tool_result
from mcp_models.servers import load_provider
from mcp_models.servers.core.service import CompletionService
from tests.fakes import FAKES, PRESET_FAKES
from tests.fakes.endpoint import Reply
from tests.fakes.provider import FakeProvider
from tests.peer import Peer, call, request
from tests.servers.contract import ask_again, server_of

IMAGE = "iVBORw0KGgo="
PDF = "JVBERi0xLjcK"
CONVERSATION = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "Look:"}, {"type": "image", "url": f"data:image/png;base64,{IMAGE}"}],
    },
    {"role": "assistant", "content": "I see."},
    {"role": "user", "content": "And?"},
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


SHARED = [*FAKES, PRESET_FAKES[0]]
same_for_presets = pytest.mark.parametrize("fake", SHARED, indirect=True, ids=[fake.__name__ for fake in SHARED])
"""Marks what the presets' common code does, whatever their rows say: one of them is enough."""


@pytest.fixture(scope="module", params=[*FAKES, *PRESET_FAKES], ids=lambda fake: fake.__name__)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeProvider]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def fresh(fake: FakeProvider, clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the fake, and make the environment lead to it."""
    fake.forget()
    for name, value in fake.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def server(fake: FakeProvider) -> Iterator[Peer]:
    """A server process for all tests of a provider, as none of them may end it."""
    with server_of(fake) as peer:
        yield peer


def ask(fake: FakeProvider, server: Peer, *replies: Reply, **arguments: Any) -> dict[str, Any]:
    fake.script(*replies)
    return ask_again(server, **{"model": fake.model, **arguments})


def test_success(fake: FakeProvider, server: Peer) -> None:
    record = ask(fake, server, fake.text(None, "One", " two"))
    assert record["text"] == "One two"
    assert not record["is_error"]
    assert record["provider"] == fake.provider
    assert record["model"].startswith(fake.model)
    assert (record["stop_reason"], bool(record["native_stop_reason"])) == ("end_turn", True)
    assert record["usage"]["input_tokens"] >= 20
    assert record["usage"]["output_tokens"] >= 1
    assert record["tokens_used"] == record["usage"]["input_tokens"] + record["usage"]["output_tokens"]
    assert record["auth_mode"] in ("api_key", "none")
    assert record["cost_usd"] is None or record["cost_usd"] > 0
    assert record["warnings"] == []


def test_every_argument_reaches_the_provider_or_is_reported(fake: FakeProvider, server: Peer) -> None:
    arguments = {"stop": ["END"], "seed": 3, "reasoning_effort": "low", "response_schema": SCHEMA, "temperature": 0.5}
    record = ask(fake, server, messages=CONVERSATION, system="Be brief.", max_tokens=99, **arguments)
    assert not record["is_error"], record["text"]
    seen = fake.seen(fake.requests[-1])
    assert seen.turns == [("user", "Look:"), ("assistant", "I see."), ("user", "And?")]
    assert (seen.images, seen.system, seen.max_tokens, seen.model) == ([IMAGE], "Be brief.", 99, fake.model)
    assert set(record["dropped_params"]) == fake.lacks & arguments.keys()
    for name, value in {**arguments, "reasoning_effort": fake.low_effort}.items():
        assert getattr(seen, name) == (None if name in fake.lacks else value), name


def test_top_p(fake: FakeProvider, server: Peer) -> None:
    record = ask(fake, server, top_p=0.5)
    sent = None if "top_p" in fake.lacks else 0.5
    assert (fake.seen(fake.requests[-1]).top_p, fake.seen(fake.requests[-1]).temperature) == (sent, None)
    assert record["dropped_params"] == ([] if sent else ["top_p"])


def test_an_answer_cut_at_the_limit_says_so(fake: FakeProvider, server: Peer) -> None:
    assert ask(fake, server, fake.text(None, "One", stop="max_tokens"))["stop_reason"] == "max_tokens"


def test_a_new_stop_word_is_never_taken_for_an_end(fake: FakeProvider, server: Peer) -> None:
    record = ask(fake, server, fake.text(None, "One", stop="brand_new"))
    assert (record["stop_reason"], record["native_stop_reason"]) == ("other", "brand_new")


def test_a_structured_answer_comes_parsed(fake: FakeProvider, server: Peer) -> None:
    record = ask(fake, server, fake.text(None, '{"a":', " 1}"), response_schema=SCHEMA)
    assert record["structured"] == (None if "response_schema" in fake.lacks else {"a": 1})


def test_a_document_reaches_the_provider_or_is_refused_with_what_to_do(fake: FakeProvider, server: Peer) -> None:
    part = {"type": "document", "url": f"data:application/pdf;base64,{PDF}"}
    record = ask(fake, server, messages=[{"role": "user", "content": [part, {"type": "text", "text": "Sum it up."}]}])
    if load_provider(fake.provider).takes_documents:
        assert not record["is_error"], record["text"]
        assert PDF in json.dumps(fake.requests[-1].body)
    else:
        assert (record["type"], fake.requests) == ("invalid_request", [])
        assert "takes no documents: send the text, or the pages as images, or ask a provider that reads" in record["text"]


@same_for_presets
def test_the_text_comes_in_pieces(fake: FakeProvider, server: Peer) -> None:
    fake.script(fake.text(None, "One", " two", " three"))
    server.send(call(1, {"prompt": "x", "model": fake.model}, progressToken=1, **{"mcp-models/stream": True}))
    pieces = []
    while "id" not in (message := server.read()):
        pieces.append(message["params"].get("_meta", {}).get("mcp-models/delta", ""))
    assert "".join(pieces) == "One two three" == message["result"]["content"][0]["text"]
    assert len([piece for piece in pieces if piece]) == 3


@same_for_presets
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request", False),
        (401, "authentication", False),
        (402, "billing", False),
        (403, "permission", False),
        (408, "timeout", True),
        (409, "provider_error", True),
        (413, "context_length", False),
        (422, "invalid_request", False),
        (429, "rate_limit", True),
        (500, "provider_error", True),
        (502, "provider_error", True),
        (503, "overloaded", True),
        (504, "timeout", True),
        (529, "overloaded", True),
    ],
)
def test_each_error_status(fake: FakeProvider, server: Peer, status: int, kind: str, retryable: bool) -> None:
    record = ask(fake, server, fake.error(status, "this is what the provider says"))
    assert (record["type"], record["status"], record["retryable"]) == (kind, status, retryable), record["message"]
    assert "this is what the provider says" in record["message"]
    assert record["message"] == record["text"]


@same_for_presets
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after(fake: FakeProvider, server: Peer, form: str) -> None:
    value = "30" if form == "seconds" else email.utils.formatdate(time.time() + 30, usegmt=True)
    record = ask(fake, server, fake.error(429, "slow down", retry_after=value))
    assert 25 < record["retry_after"] <= 30


@same_for_presets
def test_a_passing_failure_is_tried_again(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "2")
    with Peer(fake.provider) as server:
        replies = [fake.error(529, "busy", retry_after="0"), fake.error(500, "oops", retry_after="0"), fake.text(None, "Good")]
        assert ask(fake, server, *replies)["text"] == "Good"
    assert len(fake.requests) == 3


def test_a_prompt_that_does_not_fit(fake: FakeProvider, server: Peer) -> None:
    assert ask(fake, server, fake.too_long(), prompt="word " * 50)["type"] == "context_length"


def test_an_unknown_model_is_answered_with_close_names(fake: FakeProvider, server: Peer) -> None:
    name = fake.model[:-1] + "z"
    record = ask(fake, server, fake.unknown_model(), model=name)
    assert record["type"] == "model_not_found"
    assert f"Close names: {fake.model}" in record["message"]


def test_declined_or_blocked_is_never_an_answer(fake: FakeProvider, server: Peer) -> None:
    for reply, kind in fake.refusals():
        record = ask(fake, server, reply)
        assert (record["type"], record["is_error"]) == (kind, True)


@same_for_presets
def test_an_answer_without_text_is_an_error(fake: FakeProvider, server: Peer) -> None:
    assert ask(fake, server, fake.empty())["type"] == "empty_output"


def test_thinking_alone_is_no_answer(fake: FakeProvider, server: Peer) -> None:
    reply = fake.only_thinking()
    assert reply is not None
    record = ask(fake, server, reply)
    assert record["type"] == "empty_output"
    assert "the whole budget went into thinking" in record["message"]


def test_a_refused_temperature_is_dropped_reported_and_remembered(fake: FakeProvider, server: Peer) -> None:
    if fake.picky_model is None:
        record = ask(fake, server, temperature=0)
        outcome = (["temperature"], None) if "temperature" in fake.lacks else ([], 0)
        assert (record["dropped_params"], fake.seen(fake.requests[-1]).temperature) == outcome
        return
    for requests in (2, 3):
        record = ask(fake, server, model=fake.picky_model, temperature=0)
        assert (record["is_error"], record["dropped_params"], len(fake.requests)) == (False, ["temperature"], requests)
    assert ask(fake, server, model=fake.picky_model)["dropped_params"] == []


@same_for_presets
def test_a_stream_cut_in_its_middle_keeps_what_had_come(fake: FakeProvider, server: Peer) -> None:
    whole = fake.text(None)
    record = ask(fake, server, Reply(chunks=fake.half(), cut=True, content_type=whole.content_type))
    assert (record["type"], record["retryable"], record["partial"]) == ("connection", True, "Half an")


@same_for_presets
def test_a_stream_that_ends_without_its_end_is_cut_too(fake: FakeProvider, server: Peer) -> None:
    whole = fake.text(None)
    record = ask(fake, server, Reply(chunks=fake.half(), content_type=whole.content_type))
    assert (record["type"], record["partial"]) == ("connection", "Half an")


@same_for_presets
def test_cancelling_a_slow_stream_closes_the_socket(fake: FakeProvider, server: Peer) -> None:
    fake.script(Reply(chunks=fake.ticks(), pause=0.05, content_type=fake.text(None).content_type))
    server.send(call(1, {"prompt": "x", "model": fake.model}, progressToken=1))
    assert "characters" in server.read()["params"]["message"]
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert fake.disconnected.wait(5)
    server.send(request("after", "ping"))
    while server.read().get("id") != "after":
        pass


@same_for_presets
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html><body>Welcome</body></html>", content_type="text/html"),
        Reply(200, b'data: {"half": \n\n', content_type="text/event-stream"),
        Reply(200, b'{"half": \n', content_type="application/x-ndjson"),
        Reply(
            200,
            b'data: 5\n\ndata: {"choices": 5, "candidates": 5, "message": 5, "type": 5}\n\n',
            content_type="text/event-stream",
        ),
        Reply(200, b"data: " + b"[" * 100_000 + b"\n\n", content_type="text/event-stream"),
        Reply(200, b"[" * 100_000 + b"\n", content_type="application/x-ndjson"),
        Reply(200, b"", content_type="application/json"),
        Reply(500, b"<html>Bad gateway</html>", content_type="text/html"),
        Reply(400, b'{"error": {"message": 5}}'),
        Reply(400, b'"a text"'),
        Reply(400, b'{"detail": "half'),
        Reply(400, b"x" * 50_000_000, content_type="text/plain"),
    ],
    ids=[
        "HTML",
        "cut JSON in SSE",
        "cut JSON",
        "wrong types",
        "deep SSE",
        "deep JSON",
        "nothing",
        "HTML error",
        "number",
        "text",
        "cut error",
        "50 MB",
    ],
)
def test_a_hostile_body_is_a_clear_error(fake: FakeProvider, server: Peer, reply: Reply) -> None:
    record = ask(fake, server, reply)
    assert record["type"] in ("provider_error", "connection", "invalid_request", "empty_output"), record["message"]
    assert 15 < len(record["message"]) < 700
    assert "Traceback" not in record["message"]


def test_the_list_of_models(fake: FakeProvider, server: Peer) -> None:
    server.send(request(1, "tools/call", {"name": "list_models", "arguments": {}}))
    result = server.read()["result"]
    models = {model["id"]: model for model in result["_meta"]["mcp-models/models"]}
    names = [name for name in models if name.startswith(fake.model)]
    assert names
    assert names[0] in result["content"][0]["text"]
    assert bool(models[names[0]]["context_tokens"]) is fake.lists_limits
    assert list(models) == sorted(models)


@same_for_presets
def test_the_list_of_models_takes_no_arguments_and_can_fail(fake: FakeProvider, server: Peer) -> None:
    wrong = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {"x": 1}}))["result"]
    assert wrong["_meta"]["mcp-models/error"]["type"] == "invalid_request"
    fake.script(fake.error(429, "slow down"))
    failed = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    assert failed["_meta"]["mcp-models/error"]["type"] == "rate_limit"


@same_for_presets
def test_a_key_never_leaks(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [name for name, value in fake.environment().items() if name.endswith(("_KEY", "_TOKEN")) and value != "ollama"]
    for name in keys:
        monkeypatch.setenv(name, "made-up-wrong-key-42")
        fake.script(fake.error(400, "your key made-up-wrong-key-42 is bad"))
        with Peer(fake.provider) as server:
            record = ask_again(server, model=fake.model)
            assert "made-up-wrong-key-42" not in str(record) + server.stderr.decode()
            assert record["is_error"]
        monkeypatch.setenv(name, "made-up\nbroken-key")
        with Peer(fake.provider) as server:
            record = ask_again(server, model=fake.model)
            assert record["type"] == "configuration"
            assert "broken-key" not in str(record) + server.stderr.decode()


def test_a_missing_key_is_named_with_its_cure(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [name for name, value in fake.environment().items() if name.endswith("_KEY")]
    for name in keys:
        monkeypatch.delenv(name)
        with Peer(fake.provider) as server:
            record = ask_again(server)
            assert record["type"] == "configuration"
            assert name in record["message"]
            assert server.initialize()["result"]["serverInfo"]["name"]


@same_for_presets
async def test_in_process_and_through_mcp_give_the_same_dict(fake: FakeProvider, server: Peer) -> None:
    for reply in (fake.text(None, "One", " two"), fake.error(429, "slow down", retry_after="7")):
        fake.script(reply, reply)
        through = server.ask(call(1, {"prompt": "x", "model": fake.model}))["result"]
        provider = load_provider(fake.provider)
        direct = await CompletionService(provider).call_tool(
            "complete", {"prompt": "x", "model": fake.model}, lambda text: None
        )
        await provider.aclose()
        dicts = [{**read_tool_result(result, fake.provider, fake.model)} for result in (through, direct)]
        for result in dicts:
            result.pop("latency_ms", None)
        assert dicts[0] == dicts[1]
