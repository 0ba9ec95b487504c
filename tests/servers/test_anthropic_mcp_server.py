"""The Anthropic provider, beyond the contract: caching, sampling by model, thinking, and what only Anthropic says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.servers.anthropic_mcp_server import Anthropic
from tests.fakes.anthropic import FakeAnthropic
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
        "reasoning_tokens": 4,
    }
    assert record["cost_usd"] is None  # the fake is not Anthropic's own address
    assert record["request_id"] == "req_fake"


async def test_the_cost_is_in_the_record(anthropic: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.servers.core.call import Caller

    monkeypatch.setattr(Anthropic, "has_list_prices", lambda self: True)
    provider = Anthropic()
    result = await Caller(provider).call_tool("complete", {"prompt": "x"}, lambda text: None)
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


@pytest.mark.parametrize(("effort", "sent"), [("minimal", "low"), ("high", "high"), ("max", "max")])
def test_effort(anthropic: FakeAnthropic, effort: str, sent: str) -> None:
    ask("anthropic", reasoning_effort=effort)
    assert body(anthropic)["output_config"] == {"effort": sent}
    assert body(anthropic)["thinking"] == {"type": "adaptive"}
    assert "temperature" not in body(anthropic)


def test_no_effort_turns_thinking_off(anthropic: FakeAnthropic) -> None:
    ask("anthropic", reasoning_effort="none")
    assert body(anthropic)["thinking"] == {"type": "disabled"}
    assert "output_config" not in body(anthropic)


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
