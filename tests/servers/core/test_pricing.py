"""The cost of a call: list prices, corrections, and null if the price is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import Completion, Usage
from mcp_models.servers.core.pricing import book, cost_usd
from mcp_models.servers.core.provider import Provider

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
CACHED = Usage(input_tokens=1_000_000, cache_read_tokens=1_000_000, output_tokens=1_000_000)
ANTHROPIC, MISTRAL = load_provider("anthropic", {}), load_provider("mistral", {})
GOOGLE, OPENAI = load_provider("google_ai_studio", {}), load_provider("openai", {})


def test_a_list_price() -> None:
    assert cost_usd(ANTHROPIC, "claude-sonnet-4-6", MILLION) == pytest.approx(18)


def test_cached_tokens_cost_less() -> None:
    assert cost_usd(ANTHROPIC, "claude-sonnet-4-6", CACHED) == pytest.approx(15.3)


def test_a_correction_goes_first() -> None:
    assert cost_usd(MISTRAL, "mistral-large-latest", MILLION) == pytest.approx(2)


@pytest.mark.parametrize("model", ["no-such-model", ""])
def test_an_unknown_price_is_null(model: str) -> None:
    assert cost_usd(ANTHROPIC, model, MILLION) is None


def test_a_corrected_price_says_nothing_of_cached_tokens() -> None:
    assert cost_usd(MISTRAL, "mistral-large-latest", CACHED) is None


def test_a_model_whose_price_is_known_to_be_wrong_has_none() -> None:
    assert cost_usd(MISTRAL, "ministral-3b-latest", MILLION) is None


def test_a_fault_of_the_price_list_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(price_list.prices()), "calc", lambda *_, **__: 1 / 0)
    assert cost_usd(ANTHROPIC, "claude-sonnet-4-6", MILLION) is None


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("anthropic", "ANTHROPIC_BASE_URL"),
        ("openai", "OPENAI_BASE_URL"),
        ("mistral", "MISTRAL_BASE_URL"),
        ("google_ai_studio", "GOOGLE_GEMINI_BASE_URL"),
        ("groq", "GROQ_BASE_URL"),
    ],
)
def test_another_server_than_the_providers_own_has_no_list_price(name: str, variable: str) -> None:
    assert load_provider(name, {}).has_list_prices()
    assert not load_provider(name, {variable: "http://127.0.0.1:1"}).has_list_prices()


@pytest.mark.parametrize("name", ["ollama", "anthropic_ollama", "devstral_local", "echo", "vllm", "huggingface"])
def test_local_models_have_no_list_price(name: str) -> None:
    assert not load_provider(name, {}).has_list_prices()


@pytest.mark.parametrize(
    ("provider", "model", "tier", "cost"),
    [
        (OPENAI, "gpt-5.2", None, 15.75),
        (OPENAI, "gpt-5.2", "standard", 15.75),
        (OPENAI, "gpt-5.2", "flex", 7.875),
        (OPENAI, "gpt-5.2", "priority", 31.5),
        (OPENAI, "gpt-5.3-codex", "flex", None),
        (OPENAI, "gpt-5.6-sol", "ultrafast", None),
        (OPENAI, "gpt-5.2", "scale", None),
        (OPENAI, "gpt-5.2", "auto", None),
        (GOOGLE, "gemini-2.5-flash", "standard", 2.8),
        (GOOGLE, "gemini-2.5-flash", "flex", 1.4),
        (GOOGLE, "gemini-2.5-flash", "priority", None),
        (MISTRAL, "mistral-medium-latest", "standard", 9),
        (MISTRAL, "mistral-medium-latest", "priority", 15.75),
        (MISTRAL, "mistral-large-latest", "priority", 3.5),
        (ANTHROPIC, "claude-sonnet-4-6", "standard", 18),
        (ANTHROPIC, "claude-sonnet-4-6", "priority", None),
    ],
)
def test_the_tier_that_answered_has_its_own_price_or_none(
    provider: Provider, model: str, tier: str | None, cost: float | None
) -> None:
    """The list gives the standard price for a tier that it does not know, which would be too low."""
    small = Usage(input_tokens=100_000, output_tokens=100_000)
    assert cost_usd(provider, model, small, tier) == (None if cost is None else pytest.approx(cost / 10))


@pytest.mark.parametrize(
    ("provider", "model", "usage", "cost"),
    [
        (ANTHROPIC, "claude-sonnet-4-6", {"cache_write_tokens": 100_000}, 0.375),
        (ANTHROPIC, "claude-sonnet-4-6", {"cache_write_tokens": 100_000, "cache_write_1h_tokens": 100_000}, 0.6),
        (ANTHROPIC, "claude-sonnet-4-6", {"cache_write_tokens": 50_000, "cache_write_1h_tokens": 40_000}, 0.4275),
        (ANTHROPIC, "claude-sonnet-4-6", {"cache_read_tokens": 100_000}, 0.03),
        (OPENAI, "gpt-5.6-sol", {"cache_write_tokens": 100_000}, 0.5),
        (OPENAI, "gpt-5.6-sol", {"cache_read_tokens": 100_000}, 0.04),
        (OPENAI, "gpt-5.2", {"cache_write_tokens": 100_000}, 0.175),
        (MISTRAL, "mistral-medium-latest", {"cache_read_tokens": 100_000}, 0.015),
    ],
)
def test_what_is_written_to_a_cache_and_read_from_it_has_its_own_price(
    provider: Provider, model: str, usage: dict[str, int], cost: float
) -> None:
    assert cost_usd(provider, model, Usage(input_tokens=100_000, **usage)) == pytest.approx(cost)


async def booked(provider: Provider, asked: str | None = None, **fields: Any) -> Completion:
    completion = Completion(**{"text": "x", "stop_reason": "end_turn", "auth_mode": "api_key", "usage": MILLION, **fields})
    await book(provider, completion, asked)
    return completion


async def test_the_record_says_where_the_price_comes_from() -> None:
    assert (await booked(OPENAI, model="gpt-5.2")).price_source == "genai-prices 0.2.3"
    flex = await booked(GOOGLE, model="gemini-2.5-flash", service_tier="flex")
    assert flex.price_source == "genai-prices 0.2.3, times 0.5 for flex"
    assert (await booked(MISTRAL, model="mistral-large-latest")).price_source == "mcp-models"
    assert (await booked(load_provider("openrouter", {}), model="a/b", cost_usd=1.0)).price_source == "provider"
    unknown = await booked(OPENAI, model="no-such-model")
    assert (unknown.cost_usd, unknown.price_source, unknown.cache_savings_usd) == (None, None, None)


@pytest.mark.parametrize(
    ("cache", "saved"),
    [
        ({}, 0),
        ({"cache_read_tokens": 100_000}, 0.27),
        ({"cache_write_tokens": 100_000}, -0.075),
        ({"cache_read_tokens": 50_000, "cache_write_tokens": 50_000}, 0.0975),
    ],
)
async def test_the_record_says_what_the_cache_saved(cache: dict[str, int], saved: float) -> None:
    usage = Usage(input_tokens=100_000, output_tokens=10, **cache)
    completion = await booked(ANTHROPIC, model="claude-sonnet-4-6", usage=usage)
    assert completion.cache_savings_usd == pytest.approx(saved)


async def test_a_surcharge_in_the_answer_is_paid_too() -> None:
    plain, usa = [await booked(ANTHROPIC, model="claude-opus-5", surcharge=times) for times in (1.0, 1.1)]
    assert usa.cost_usd == pytest.approx((plain.cost_usd or 0) * 1.1)


@pytest.mark.parametrize(
    ("provider", "model", "asked", "known"),
    [
        (GOOGLE, "gemini-2.5-flash", "flex", 1.4),
        (GOOGLE, "gemini-2.5-flash", "priority", None),
        (MISTRAL, "mistral-medium-latest", "auto", None),
        (ANTHROPIC, "claude-sonnet-4-6", "auto", 18),
        (OPENAI, "gpt-5.2", None, 15.75),
    ],
)
async def test_a_provider_that_does_not_say_the_tier_is_only_priced_where_one_tier_can_have_answered(
    provider: Provider, model: str, asked: str | None, known: float | None
) -> None:
    usage = Usage(input_tokens=100_000, output_tokens=100_000)
    cost = (await booked(provider, asked, model=model, usage=usage)).cost_usd
    assert cost == (None if known is None else pytest.approx(known / 10))


async def test_a_subscription_has_no_price() -> None:
    completion = await booked(OPENAI, model="gpt-5.2", auth_mode="chatgpt_login")
    assert (completion.cost_usd, completion.price_source) == (None, None)


@pytest.mark.parametrize(
    ("provider", "model", "cost", "note"),
    [
        (ANTHROPIC, "claude-sonnet-4-6", 9, ""),
        (ANTHROPIC, "claude-opus-5-5", 12, ""),
        (OPENAI, "gpt-5.2", 7.875, ""),
        (OPENAI, "gpt-5.3-codex", 7.875, ", times 0.5 for batch"),
        (GOOGLE, "gemini-2.5-flash", 1.4, ""),
        (GOOGLE, "gemini-3.7-flash", 2.25, ", times 0.5 for batch"),
        (MISTRAL, "mistral-large-latest", 1, "mcp-models, times 0.5 for batch"),
    ],
)
async def test_a_job_costs_half_whether_the_price_list_knows_it_or_not(
    provider: Provider, model: str, cost: float, note: str
) -> None:
    completion = await booked(provider, model=model, usage=MILLION, service_tier="batch")
    assert completion.cost_usd == pytest.approx(cost)
    assert completion.price_source == (note if note.startswith("mcp") else f"genai-prices 0.2.3{note}")


@pytest.mark.parametrize(
    ("provider", "model", "cost", "saved"),
    [
        (ANTHROPIC, "claude-sonnet-4-6", 0.15 + 7.5, 1.35),
        (GOOGLE, "gemini-2.5-flash", 0.03 + 1.25, 0.12),
        (GOOGLE, "gemini-3.6-flash", 0.075 + 1.875, 0.3),
        (GOOGLE, "gemini-3.7-flash", 0.075 + 1.875, 0.3),
    ],
)
async def test_google_takes_the_full_price_for_cached_tokens_in_a_job_and_others_half(
    provider: Provider, model: str, cost: float, saved: float
) -> None:
    completion = await booked(provider, model=model, usage=CACHED, service_tier="batch")
    assert completion.cost_usd == pytest.approx(cost)
    assert completion.cache_savings_usd == pytest.approx(saved)
