"""The Ollama provider: real HTTP over real sockets, with a strict fake and answers recorded from a real Ollama."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from mcp_models.servers.ollama_mcp_server import Ollama
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.ollama import TEXT, FakeOllama, last_line, line, ndjson
from tests.peer import Peer, call
from tests.servers.contract import ask, ask_again

IMAGE = "data:image/png;base64,iVBORw0KGgo="
TINY = Request("POST", "/api/chat", {}, {"model": "tiny"})


def test_an_answer_with_everything_known_about_it(ollama: FakeOllama) -> None:
    record = ask("ollama", model="tiny")
    assert record["text"].split() == TEXT.split()
    assert record["usage"] == {
        "input_tokens": 25,
        "output_tokens": 6,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 0,
        "web_searches": 0,
    }
    assert (record["model"], record["provider"], record["auth_mode"]) == ("tiny", "ollama", "none")
    assert (record["stop_reason"], record["native_stop_reason"], record["tokens_used"]) == ("end_turn", "stop", 31)


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("thinker", "none", False),
        ("thinker", "minimal", "low"),
        ("thinker", "max", "max"),
        ("thinker", "xhigh", "high"),
        ("gpt-oss:20b", "none", "low"),
        ("gpt-oss:120b-cloud", "max", "high"),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_has(ollama: FakeOllama, model: str, effort: str, think: object) -> None:
    ask("ollama", model=model, reasoning_effort=effort)
    assert ollama.requests[0].body["think"] == think


def test_the_request(ollama: FakeOllama) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image", "url": IMAGE}]},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": "And?"},
    ]
    arguments = {"temperature": 0, "top_p": 0.5, "stop": ["END"], "seed": 3, "reasoning_effort": "none"}
    ask(
        "ollama",
        model="tiny",
        messages=messages,
        system="Be brief.",
        max_tokens=9,
        response_schema={"type": "object"},
        **arguments,
    )
    assert ollama.requests[0].body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look:", "images": ["iVBORw0KGgo="]},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": "And?"},
        ],
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": {"num_predict": 9, "temperature": 0, "top_p": 0.5, "stop": ["END"], "seed": 3},
        "think": False,
        "format": {"type": "object"},
    }


def test_a_cut_answer_says_so(ollama: FakeOllama) -> None:
    record = ask("ollama", model="tiny", max_tokens=2)
    assert (record["stop_reason"], record["native_stop_reason"]) == ("max_tokens", "length")


def test_the_default_temperature_is_sent(ollama: FakeOllama) -> None:
    ask("ollama", model="tiny")
    assert ollama.requests[0].body["options"]["temperature"] == 7.3e-07


def test_a_model_that_cannot_think_is_asked_without(ollama: FakeOllama) -> None:
    record = ask("ollama", model="tiny", reasoning_effort="low")
    assert record["text"].split() == TEXT.split()
    assert record["dropped_params"] == ["reasoning_effort"]


def test_thinking_is_never_the_answer(ollama: FakeOllama) -> None:
    thought = line(TINY, "", message={"thinking": "hmm"})
    ollama.script(
        ndjson([thought, line(TINY, "yes"), last_line(TINY, "stop", 2)]),
        ndjson([thought, last_line(TINY, "length", 1)]),
    )
    with Peer("ollama") as server:
        answer = ask_again(server, model="thinker")
        assert (answer["text"], answer["reasoning"]) == ("yes", "hmm")
        failure = ask_again(server, model="thinker")
        assert failure["type"] == "empty_output"
        assert "went into thinking" in failure["message"]


def test_a_prompt_past_the_context_is_an_error_not_a_cut(ollama: FakeOllama) -> None:
    record = ask("ollama", model="tiny", prompt="word " * 3000)
    assert record["type"] == "context_length"
    assert "exceeds the available context size (2048 tokens)" in record["message"]


@pytest.mark.parametrize(
    ("reply", "kind", "retryable"),
    [
        (json_reply({"error": "bad"}, 400), "invalid_request", False),
        (json_reply({"error": "unauthorized"}, 401), "authentication", False),
        (json_reply({"error": "slow down"}, 429), "rate_limit", True),
        (json_reply({"error": "llama-server process has terminated: exit status 1"}, 500), "provider_error", True),
        (json_reply({"error": "overloaded"}, 529), "overloaded", True),
        (Reply(404, b"404 page not found", content_type="text/plain"), "configuration", False),
        (Reply(200, b"<html>"), "provider_error", False),
        (Reply(200, b"[]\n"), "provider_error", False),
        (Reply(200, b'{"message": 5, "done": false}\n'), "provider_error", False),
        (Reply(200, b""), "connection", True),
        (ndjson([b'{"error": "the runner died"}\n']), "provider_error", True),
        (ndjson([last_line(TINY, "load", 0)]), "empty_output", False),
    ],
)
def test_failures(ollama: FakeOllama, reply: Reply, kind: str, retryable: bool) -> None:
    ollama.script(reply)
    record = ask("ollama", model="tiny")
    assert (record["type"], record["retryable"]) == (kind, retryable), record["message"]


def test_a_model_that_is_not_pulled(ollama: FakeOllama) -> None:
    record = ask("ollama", model="nope")
    assert record["type"] == "model_not_found"
    assert "`ollama pull nope`" in record["message"]


def test_an_error_in_mid_stream_keeps_what_had_come(ollama: FakeOllama) -> None:
    ollama.script(ndjson([line(TINY, "Half an"), b'{"error": "the runner died"}\n']))
    record = ask("ollama", model="tiny")
    assert (record["type"], record["partial"]) == ("provider_error", "Half an")
    assert "the runner died" in record["message"]


def test_a_stream_cut_in_its_middle_keeps_what_had_come(ollama: FakeOllama) -> None:
    ollama.script(ndjson([line(TINY, "Half an")], cut=True))
    record = ask("ollama", model="tiny")
    assert (record["type"], record["partial"]) == ("connection", "Half an")


def test_cancelling_closes_ollamas_socket_so_that_it_stops_generating(ollama: FakeOllama) -> None:
    ollama.script(ndjson(itertools.repeat(line(TINY, "tick")), pause=0.05))
    with Peer("ollama") as server:
        server.send(call(1, {"prompt": "x", "model": "tiny"}, progressToken=1))
        server.read()
        server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        assert ollama.disconnected.wait(5)


def test_a_server_that_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    record = ask("ollama")
    assert (record["type"], record["retryable"]) == ("connection", True)
    assert "http://127.0.0.1:9" in record["message"]
    assert "`ollama serve`" in record["message"]


def test_an_image_that_is_no_data_uri_is_refused(ollama: FakeOllama) -> None:
    messages = [{"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png"}]}]
    assert ask("ollama", model="tiny", messages=messages)["type"] == "invalid_request"
    assert ollama.requests == []


def test_the_key_is_sent_to_this_machine(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "made-up-ollama-key")
    assert ask("ollama", model="tiny")["auth_mode"] == "api_key"
    assert ollama.requests[0].headers["authorization"] == "Bearer made-up-ollama-key"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://localhost:11434"),
        ("box", "http://box:11434"),
        ("box:1234", "http://box:1234"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("http://box:1234/", "http://box:1234"),
        ("https://ollama.com", "https://ollama.com"),
        ("localhost/", "http://localhost:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        (":9", "http://127.0.0.1:9"),
        ("0.0.0.0.example.com", "http://0.0.0.0.example.com:11434"),
    ],
)
def test_the_forms_of_an_address(host: str | None, url: str) -> None:
    env = {"MCP_MODELS_ALLOW_HTTP": "1"}
    assert Ollama({**env, "OLLAMA_HOST": host} if host else env).address() == url


@pytest.mark.parametrize("host", ["http://", "ftp://box", "http://bad host"])
def test_a_senseless_address_is_said_to_be(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    record: dict[str, Any] = ask("ollama")
    assert record["type"] == "configuration"
    assert "OLLAMA_HOST" in record["message"]


def test_it_is_configured_if_an_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "box")
    assert Ollama().configured()
