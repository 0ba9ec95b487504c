"""Ollama with Anthropic's protocol, beyond the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_models.servers.anthropic_ollama_mcp_server import AnthropicOllama
from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.effort import nearest
from tests.fakes.anthropic_ollama import FakeAnthropicOllama
from tests.servers.contract import ask


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAnthropicOllama]:
    with FakeAnthropicOllama() as endpoint:
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        yield endpoint


def test_a_prompt_that_ollama_cut_is_an_error(fake: FakeAnthropicOllama) -> None:
    record = ask("anthropic_ollama", model="tiny", prompt="word " * 500)
    assert record["type"] == "context_length"
    assert "read only 20 tokens of a prompt of at least 500" in record["message"]
    assert record["partial"] == "Hello from the fake."


@pytest.mark.parametrize("prompt", ["漢" * 30_000, '{"a":1}' * 10_000], ids=["another script", "no spaces"])
def test_a_cut_is_seen_in_text_without_spaces_too(fake: FakeAnthropicOllama, prompt: str) -> None:
    assert ask("anthropic_ollama", model="tiny", prompt=prompt)["type"] == "context_length"


@pytest.mark.parametrize("prompt", ["Hello?", "A sentence of nine words, and not one more."])
def test_a_prompt_that_was_read_whole_is_none(fake: FakeAnthropicOllama, prompt: str) -> None:
    assert not ask("anthropic_ollama", model="tiny", prompt=prompt)["is_error"]


def test_an_ollama_of_this_machine_needs_no_token(fake: FakeAnthropicOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
    record = ask("anthropic_ollama", model="tiny")
    assert (record["auth_mode"], record["cost_usd"]) == ("none", None)
    assert fake.requests[0].headers["authorization"] == "Bearer ollama"


def test_the_cloud_gets_its_token(fake: FakeAnthropicOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "made-up-cloud-token")
    assert ask("anthropic_ollama", model="tiny")["auth_mode"] == "api_key"
    assert fake.requests[0].headers["authorization"] == "Bearer made-up-cloud-token"


def test_headers_meant_for_anthropic_are_not_sent_to_ollama(fake: FakeAnthropicOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-gateway-key: private")
    ask("anthropic_ollama", model="tiny")
    assert "x-gateway-key" not in fake.requests[0].headers


def test_a_temperature_is_sent(fake: FakeAnthropicOllama) -> None:
    ask("anthropic_ollama", model="tiny", temperature=0)
    assert fake.seen(fake.requests[0]).temperature == 0


def test_a_model_that_is_not_pulled(fake: FakeAnthropicOllama) -> None:
    fake.script(fake.unknown_model())
    assert ask("anthropic_ollama", model="nope")["type"] == "model_not_found"


def test_an_https_image_is_refused(fake: FakeAnthropicOllama) -> None:
    messages = [{"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png"}]}]
    assert ask("anthropic_ollama", model="tiny", messages=messages)["type"] == "invalid_request"
    assert fake.requests == []


def test_a_server_that_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    record = ask("anthropic_ollama")
    assert record["type"] == "connection"
    assert "http://127.0.0.1:9" in record["message"]


@pytest.mark.parametrize(
    ("model", "answered", "warned"),
    [
        ("minimax-m2.5:cloud", "minimax-m2.7:cloud", True),
        ("devstral-2:123b-cloud", "mistral-large-3:675b-cloud", True),
        ("gemini-3-flash-preview:cloud", "minimax-m3:cloud", True),
        ("gpt-oss:120b-cloud", "gpt-oss:120b-cloud", False),
        (None, "minimax-m2.7:cloud", False),
    ],
)
def test_a_known_name_that_is_retired_is_answered_by_its_documented_successor(
    model: str | None, answered: str, warned: bool
) -> None:
    resolved, warnings = AnthropicOllama({}).resolve(model)
    assert (resolved, bool(warnings)) == (answered, warned)


@pytest.mark.parametrize(("effort", "sent"), [("minimal", "low"), ("xhigh", "high"), ("max", "max")])
def test_an_effort_is_the_nearest_that_ollama_has(effort: str, sent: str) -> None:
    provider = AnthropicOllama({})
    assert nearest(effort, provider.efforts("any")) == sent  # type: ignore[arg-type]
    assert provider.payload(CompletionRequest(prompt="x", model="any", reasoning_effort="none"))["thinking"] == {
        "type": "disabled"
    }
