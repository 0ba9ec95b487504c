"""The Anthropic provider, beyond the contract: caching, sampling by model, thinking, and errors that only Anthropic has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.servers.anthropic_mcp_server import Anthropic
from mcp_models.servers.core.completion import CompletionRequest
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply
from tests.peer import Peer
from tests.servers.contract import ask, ask_again


@pytest.fixture
def anthropic(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


def body(fake: FakeAnthropic) -> dict[str, Any]:
    return fake.requests[-1].body


def test_a_long_system_prompt_ends_with_a_cache_breakpoint(anthropic: FakeAnthropic) -> None:
    with Peer("anthropic") as server:
        ask_again(server, system="Be brief.")
        assert body(anthropic)["system"] == "Be brief."
        ask_again(server, system="Be brief. " * 1000)
        assert body(anthropic)["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_cached_tokens_are_part_of_the_input(anthropic: FakeAnthropic) -> None:
    record = ask("anthropic")
    assert record["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 4,
        "web_searches": 0,
    }
    assert record["cost_usd"] is None  # the fake's address is not Anthropic's own
    assert record["request_id"] == "req_fake"


async def test_the_cost_is_in_the_record(anthropic: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.servers.core.service import CompletionService

    monkeypatch.setattr(Anthropic, "has_list_prices", lambda self: True)
    provider = Anthropic()
    result = await CompletionService(provider).call_tool("complete", {"prompt": "x"}, lambda text: None)
    await provider.aclose()
    cost = result["_meta"]["mcp-models/completion"]["cost_usd"]
    assert cost == pytest.approx((15 * 3 + 5 * 0.3 + 10 * 15) / 1e6)


@pytest.mark.parametrize("key", ["sk-ant-oat01-made-up", "sk-ant-ort01-made-up"])
def test_the_token_of_a_login_is_no_key(anthropic: FakeAnthropic, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    record = ask("anthropic")
    assert record["type"] == "configuration"
    assert "the token of a login" in record["message"]
    assert anthropic.requests == []


def test_the_other_words_for_too_long_a_prompt(anthropic: FakeAnthropic) -> None:
    text = "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or `max_tokens`"
    anthropic.script(anthropic.error(400, text))
    assert ask("anthropic")["type"] == "context_length"


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-haiku-4-5-20251001", True),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-20250514", True),
        ("claude-3-7-sonnet-20250219", True),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-5-2", False),
        ("claude-haiku-5-5", False),
    ],
)
def test_the_default_temperature_goes_to_claude_up_to_4_6(model: str, takes: bool) -> None:
    assert Anthropic({}).takes_temperature(model) is takes


def test_sampling_is_sent_under_the_version_that_takes_it(anthropic: FakeAnthropic) -> None:
    with Peer("anthropic") as server:
        ask_again(server, model="sonnet", temperature=0.5)
        assert anthropic.requests[-1].headers["anthropic-version"] == "2023-06-01"
        ask_again(server, model="claude-opus-5-5")
        assert anthropic.requests[-1].headers["anthropic-version"] == "2026-10-21"
        assert len(anthropic.requests) == 2


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "sent"),
    [
        ("claude-sonnet-4-6", "minimal", ADAPTIVE, "low"),
        ("claude-sonnet-4-6", "high", ADAPTIVE, "high"),
        ("claude-sonnet-4-6", "xhigh", ADAPTIVE, "high"),
        ("claude-sonnet-4-6", "none", None, None),
        ("claude-opus-4-7", "xhigh", ADAPTIVE, "xhigh"),
        ("claude-opus-4-8", "none", None, None),
        ("claude-opus-5", "none", {"type": "disabled"}, None),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
        ("claude-opus-5-5", "none", ADAPTIVE, "low"),
        ("claude-fable-5-2", "none", ADAPTIVE, "low"),
        ("claude-mythos-5", "max", ADAPTIVE, "max"),
        ("claude-haiku-4-5-20251001", "minimal", {"type": "enabled", "budget_tokens": 1638}, None),
        ("claude-haiku-4-5", "high", {"type": "enabled", "budget_tokens": 13107}, None),
        ("claude-opus-4-1", "max", {"type": "enabled", "budget_tokens": 15564}, None),
        ("claude-opus-4-5", "medium", {"type": "enabled", "budget_tokens": 8192}, "medium"),
        ("claude-opus-4-5", "max", {"type": "enabled", "budget_tokens": 15564}, "high"),
        ("claude-3-5-haiku-20241022", "high", None, None),
        ("claude-brand-9", "max", ADAPTIVE, "max"),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_has(
    anthropic: FakeAnthropic, model: str, effort: str, thinking: dict[str, Any] | None, sent: str | None
) -> None:
    record = ask("anthropic", model=model, reasoning_effort=effort)
    assert body(anthropic).get("thinking") == thinking
    assert body(anthropic).get("output_config", {}).get("effort") == sent
    assert "temperature" not in body(anthropic) or effort == "none"
    assert (record["dropped_params"] == ["reasoning_effort"]) is model.startswith("claude-3-5")


def test_another_effort_than_the_one_asked_is_a_warning(anthropic: FakeAnthropic) -> None:
    with Peer("anthropic") as server:
        (warning,) = ask_again(server, reasoning_effort="xhigh")["warnings"]
        assert warning == "reasoning_effort: claude-sonnet-4-6 has no 'xhigh', so 'high' was sent"
        assert ask_again(server, reasoning_effort="high")["warnings"] == []


def test_a_budget_leaves_room_for_the_answer_or_is_not_sent(anthropic: FakeAnthropic) -> None:
    with Peer("anthropic") as server:
        ask_again(server, model="haiku", reasoning_effort="max", max_tokens=1100)
        assert body(anthropic)["thinking"] == {"type": "enabled", "budget_tokens": 1045}
        ask_again(server, model="haiku", reasoning_effort="max", max_tokens=100_000)
        assert body(anthropic)["thinking"]["budget_tokens"] == 32_000
        record = ask_again(server, model="haiku", reasoning_effort="max", max_tokens=1024)
        assert "thinking" not in body(anthropic)
        assert "did not think" in record["warnings"][0]


@pytest.mark.parametrize(
    ("model", "base", "thinking"),
    [
        ("claude-opus-5-5", None, ADAPTIVE),
        ("claude-sonnet-5", None, ADAPTIVE),
        ("claude-opus-4-8", None, None),
        ("claude-opus-5-5", "https://gateway.example", None),
    ],
)
def test_the_text_of_the_thinking_is_asked_for_where_a_model_thinks_anyway(
    model: str, base: str | None, thinking: dict[str, Any] | None
) -> None:
    provider = Anthropic({"ANTHROPIC_BASE_URL": base} if base else {})
    payload = provider.payload(CompletionRequest(prompt="x", model=model, max_tokens=5))
    assert payload.get("thinking") == thinking


PORTABLE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^A"},
        "age": {"type": ["integer", "null"], "minimum": 0},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "minItems": 3},
    },
    "required": ["name"],
    "$defs": {"Tag": {"enum": ["a", "b"]}},
}


def test_an_ordinary_schema_is_translated_and_the_answer_checked_against_it(anthropic: FakeAnthropic) -> None:
    with Peer("anthropic") as server:
        anthropic.script(anthropic.text(None, '{"name": "Ann"}'), anthropic.text(None, '{"name": "Bob"}'))
        record = ask_again(server, response_schema=PORTABLE)
        assert (record["structured"], record["warnings"]) == ({"name": "Ann"}, [])
        sent = body(anthropic)["output_config"]["format"]["schema"]
        assert sent["additionalProperties"] is False
        assert sent["required"] == ["name"]
        assert sent["properties"]["name"]["description"] == "{pattern: ^A}"
        assert sent["properties"]["tags"]["description"] == "{minItems: 3}"
        record = ask_again(server, response_schema=PORTABLE)
        assert record["structured"] == {"name": "Bob"}
        assert record["warnings"][0].startswith("the answer does not fit `response_schema`: name: ")


def test_what_anthropic_cannot_express_is_said_and_nothing_is_sent(anthropic: FakeAnthropic) -> None:
    record = ask("anthropic", response_schema={"type": "object", "additionalProperties": {"type": "integer"}})
    assert record["type"] == "invalid_request"
    assert "an object of free keys" in record["message"]
    assert anthropic.requests == []


def test_a_refused_schema_is_the_callers_and_the_next_one_is_sent(anthropic: FakeAnthropic) -> None:
    """The message is quoted from an issue. It says "not supported", but is about something inside the schema."""
    text = "output_config.format.schema: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    with Peer("anthropic") as server:
        anthropic.script(anthropic.error(400, text))
        assert ask_again(server, response_schema={"type": "array", "items": {"type": "integer"}})["type"] == "invalid_request"
        anthropic.script(anthropic.text(None, "[1]"))
        assert ask_again(server, response_schema={"type": "array", "items": {"type": "integer"}})["structured"] == [1]
        assert "format" in body(anthropic)["output_config"]


def test_one_refused_effort_does_not_switch_the_others_off(anthropic: FakeAnthropic) -> None:
    text = '"thinking.type.disabled" is not supported for this model.'
    with Peer("anthropic") as server:
        anthropic.script(anthropic.error(400, text))
        assert ask_again(server, model="claude-brand-9", reasoning_effort="none")["type"] == "invalid_request"
        assert ask_again(server, model="claude-brand-9", reasoning_effort="high")["dropped_params"] == []
        assert body(anthropic)["output_config"] == {"effort": "high"}


@pytest.mark.parametrize(
    ("kind", "error_type", "retryable"),
    [
        ("invalid_request_error", "invalid_request", False),
        ("authentication_error", "authentication", False),
        ("request_too_large", "context_length", False),
        ("overloaded_error", "overloaded", True),
        ("api_error", "provider_error", True),
    ],
)
def test_an_error_in_a_stream_is_worth_another_try_only_if_it_can_pass(
    anthropic: FakeAnthropic, kind: str, error_type: str, retryable: bool
) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "That did not work"}}
    anthropic.script(Reply(200, f"event: error\ndata: {json.dumps(event)}\n\n".encode(), content_type="text/event-stream"))
    record = ask("anthropic")
    assert (record["type"], record["retryable"]) == (error_type, retryable)


def test_an_image_that_a_server_cannot_see_is_not_tried_again(anthropic: FakeAnthropic) -> None:
    """The message is llama.cpp's, sent with HTTP 500."""
    anthropic.script(anthropic.error(500, "image input is not supported - hint: if this is unexpected, provide the mmproj"))
    record = ask("anthropic")
    assert (record["type"], record["retryable"]) == ("invalid_request", False)


def test_an_https_image_is_left_to_anthropic_to_fetch(anthropic: FakeAnthropic) -> None:
    url = "https://example.com/a.png"
    anthropic.script(anthropic.text(None, "A picture."))
    ask("anthropic", messages=[{"role": "user", "content": [{"type": "image", "url": url}]}])
    assert body(anthropic)["messages"][0]["content"][0]["source"] == {"type": "url", "url": url}


def test_thinking_is_kept_apart_from_the_answer(anthropic: FakeAnthropic) -> None:
    anthropic.script(anthropic.thinking_then("yes"))
    record = ask("anthropic")
    assert (record["text"], record["reasoning"]) == ("yes", "hmm")


def test_a_refusal_says_why(anthropic: FakeAnthropic) -> None:
    anthropic.script(anthropic.refusals()[1][0])
    record = ask("anthropic")
    assert (record["type"], record["partial"]) == ("refusal", "Well, ")
    assert "I cannot help with that." in record["message"]


def test_an_error_in_mid_stream_is_known_by_its_type(anthropic: FakeAnthropic) -> None:
    anthropic.script(anthropic.failing_midway())
    record = ask("anthropic")
    assert (record["type"], record["retryable"], record["partial"]) == ("overloaded", True, "Half an")


def test_an_empty_credit_balance_is_billing(anthropic: FakeAnthropic) -> None:
    anthropic.script(anthropic.error(400, "Your credit balance is too low to access the Anthropic API."))
    assert ask("anthropic")["type"] == "billing"


def test_a_deprecated_model_is_warned_of(anthropic: FakeAnthropic) -> None:
    (warning,) = ask("anthropic", model="claude-sonnet-4-5")["warnings"]
    assert "claude-sonnet-4-5 is deprecated" in warning


def test_a_limit_no_answer_could_reach_is_anthropics_to_refuse(anthropic: FakeAnthropic) -> None:
    ask("anthropic", max_tokens=100_000)
    assert body(anthropic)["max_tokens"] == 100_000


def test_other_credentials_of_anthropic_are_not_looked_for(anthropic: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a-login-of-somebody")
    record = ask("anthropic")
    assert record["type"] == "configuration"
    assert anthropic.requests == []


def test_the_limits_and_the_retirement_of_the_listed_models(anthropic: FakeAnthropic) -> None:
    from tests.peer import request

    with Peer("anthropic") as server:
        result = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    assert result["_meta"]["mcp-models/models"][0] == {
        "id": "claude-haiku-4-5-20251001",
        "context_tokens": 200_000,
        "max_output_tokens": 64_000,
        "retires_at": "2027-01-31",
    }
    assert "context 200,000 tokens, output up to 64,000 tokens, retires 2027-01-31" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("model", "geo", "times"),
    [
        ("claude-opus-5", "us", 1.1),
        ("claude-sonnet-4-6", "us", 1.1),
        ("claude-sonnet-4-5-20250929", "us", 1),
        ("claude-haiku-4-5-20251001", "us", 1),
        ("claude-opus-5", "global", 1),
        ("claude-opus-5", None, 1),
    ],
)
def test_inference_in_the_usa_only_costs_more(model: str, geo: str | None, times: float) -> None:
    from types import SimpleNamespace

    from mcp_models.servers.anthropic_messages import MessageAnswer

    answer = MessageAnswer(None)
    answer.model, answer.native_stop_reason = model, "end_turn"
    answer._count(SimpleNamespace(input_tokens=1, output_tokens=1, inference_geo=geo))
    assert answer.completion("api_key").surcharge == times
