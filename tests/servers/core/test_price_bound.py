"""The most that a call can cost: no usage within the call's limits costs more, of any model, at any tier that may serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, ImagePart, Message, ServiceTier, TextPart, Usage
from mcp_models.servers.core.price_bound import highest_cost_usd, most_input_tokens
from mcp_models.servers.core.pricing import context_tokens, cost_usd
from mcp_models.servers.core.provider import Provider

PRICED = [provider for provider in map(load_provider, server_modules(), [{}] * 99) if provider.has_list_prices()]
ANTHROPIC, GOOGLE, MISTRAL, OPENAI = (
    load_provider(name, {}) for name in ("anthropic", "google_ai_studio", "mistral", "openai")
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)
PROMPT = "x" * 400_000


def listed(provider: Provider) -> list[str]:
    """Return a name of every model that a provider has in the price list, and of those whose price we correct."""
    prices, name = price_list.prices(), provider.price_list
    models = next(each.models for each in prices.providers if each.id == name)
    names = [*(model.id for model in models), *(f"accounts/fireworks/models/{model.id}" for model in models)]
    return [*(each for each in names if price_list.listed_model(name, each)), *provider.price_corrections]


def tiers(provider: Provider) -> list[Any]:
    return [None, *provider.service_tiers]


def usages(tokens: int, limit: int) -> Iterator[Usage]:
    """Return usages at the corners: nothing, all, and below and above the sizes from which prompts cost more."""
    for size in {0, *(min(tokens, size) for size in (1000, 100_001, 200_001, 272_001, tokens))}:
        yield Usage(input_tokens=size, output_tokens=limit)
        yield Usage(input_tokens=size, output_tokens=limit, cache_write_tokens=size)
        yield Usage(input_tokens=size, output_tokens=limit, cache_read_tokens=size)
        yield Usage(input_tokens=size, cache_read_tokens=size // 3, cache_write_tokens=size // 3)


def served(provider: Provider, asked: ServiceTier | None) -> list[str]:
    return list(provider.tiers_that_may_serve.get(asked, ("standard",)))


def excess(provider: Provider, model: str, request: CompletionRequest, usage: Usage) -> list[str]:
    """Return what is wrong with a model's bound: the tiers at which the usage costs more."""
    bound = highest_cost_usd(provider, request, model)
    costs = {tier: cost_usd(provider, model, usage, tier) for tier in served(provider, request.service_tier)}
    if bound is None:
        return []
    surcharge = provider.most_surcharge
    return [tier for tier, cost in costs.items() if cost is not None and cost * surcharge > bound * (1 + 1e-12)]


FAST = "mistral"  # has two tiers, and a list that is quick to go through
EACH = [
    pytest.param(provider, id=provider.name, marks=[] if provider.name == FAST else [pytest.mark.slow]) for provider in PRICED
]


@pytest.mark.parametrize("provider", EACH)
def test_no_usage_of_any_listed_model_costs_more_than_the_bound(provider: Provider) -> None:
    bounded = 0
    for tier in tiers(provider):
        request = CompletionRequest(prompt=PROMPT, max_tokens=5000, service_tier=tier)
        for model in listed(provider):
            tokens = most_input_tokens(provider, request, model)
            within = min(tokens, context_tokens(provider, model) or tokens)
            assert not [usage for usage in usages(within, 5000) if excess(provider, model, request, usage)], (model, tier)
            bounded += highest_cost_usd(provider, request, model) is not None
    assert bounded > len(tiers(provider))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), text=TEXTS, system=st.none() | TEXTS, limit=st.integers(1, 10**6))
def test_no_usage_within_a_calls_limits_costs_more(data: st.DataObject, text: str, system: str | None, limit: int) -> None:
    provider = data.draw(st.sampled_from(PRICED))
    model = data.draw(st.sampled_from(listed(provider)))
    tier = data.draw(st.sampled_from(tiers(provider)))
    request = CompletionRequest(prompt=text, system=system, max_tokens=limit, service_tier=tier)
    tokens = data.draw(st.integers(0, most_input_tokens(provider, request, model)))
    read = data.draw(st.integers(0, tokens))
    written = data.draw(st.integers(0, tokens - read))
    output = data.draw(st.integers(0, limit))
    usage = Usage(input_tokens=tokens, cache_read_tokens=read, cache_write_tokens=written, output_tokens=output)
    assert not excess(provider, model, request, usage)


@given(text=TEXTS)
def test_a_text_counts_for_at_least_as_many_tokens_as_it_has_bytes(text: str) -> None:
    request = CompletionRequest(prompt=text, system="s")
    assert most_input_tokens(ANTHROPIC, request, "claude-sonnet-4-6") >= len(text.encode())


def test_an_image_counts_by_the_most_that_the_provider_documents_and_not_by_its_bytes() -> None:
    image = ImagePart("data:image/png;base64," + "A" * 1_000_000)
    turns = [Message("user", [TextPart("what?"), image]), Message("assistant", "a cat"), Message("user", "why?")]
    request = CompletionRequest(messages=turns)
    assert 10_000 < most_input_tokens(ANTHROPIC, request, "claude-sonnet-4-6") < 11_000
    assert 25_000 < most_input_tokens(OPENAI, request, "gpt-5.2") < 26_000
    assert 50_000 < most_input_tokens(OPENAI, request, "gpt-4o-mini-2024-07-18") < 51_000


def test_a_document_counts_as_much_as_the_model_can_read() -> None:
    request = CompletionRequest(messages=[Message("user", [DocumentPart("https://example.com/a.pdf")])], max_tokens=1)
    full = CompletionRequest(prompt="x" * 2_000_000, max_tokens=1)
    for provider, model in ((ANTHROPIC, "claude-sonnet-4-6"), (OPENAI, "gpt-5.2"), (GOOGLE, "gemini-3.8-flash")):
        assert highest_cost_usd(provider, request, model) == highest_cost_usd(provider, full, model) is not None
    assert highest_cost_usd(MISTRAL, request, "mistral-large-latest") is None  # its OCR may cost more


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {str(n): {} for n in range(9)}, "additionalProperties": False},
        {"type": "object", "properties": {str(n): {"type": ["string", "null"]} for n in range(50)}},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "x" * 999}}, "required": ["a"]},
        {"type": "string"},
    ],
)
def test_a_schema_counts_as_it_is_sent_with_what_the_provider_adds(schema: dict[str, Any]) -> None:
    from mcp_models.servers.openai_compatible import strict_format

    bare, asked = CompletionRequest(prompt="x"), CompletionRequest(prompt="x", response_schema=schema)
    added = most_input_tokens(OPENAI, asked, "gpt-5.2") - most_input_tokens(OPENAI, bare, "gpt-5.2")
    assert added > 1000 + len(json.dumps(strict_format(schema)["schema"], separators=(",", ":")))


def test_a_schema_that_cannot_be_sent_has_a_bound_too() -> None:
    deep: dict[str, Any] = {}
    for _ in range(99):
        deep = {"items": deep}
    assert highest_cost_usd(OPENAI, CompletionRequest(prompt="x", response_schema=deep), "gpt-5.2")


def test_the_bound_of_a_small_call() -> None:
    request = CompletionRequest(prompt="x", max_tokens=1_000_000, service_tier="standard")
    assert highest_cost_usd(OPENAI, request, "gpt-5.2") == pytest.approx(14, rel=0.001)
    assert highest_cost_usd(ANTHROPIC, request, "claude-sonnet-4-6") == pytest.approx(15 * 1.1, rel=0.001)
    assert highest_cost_usd(MISTRAL, request, "mistral-large-latest") == pytest.approx(1.5, rel=0.001)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "times"),
    [
        (OPENAI, "gpt-5.2", "flex", 0.5),
        (OPENAI, "gpt-5.2", "priority", 2),
        (OPENAI, "gpt-5.2", "auto", 2),
        (OPENAI, "gpt-5.2", None, 2),
        (OPENAI, "gpt-3.5-turbo", None, 2.5),
        (GOOGLE, "gemini-3.8-flash", "flex", 0.5),
        (GOOGLE, "gemini-3.8-flash", "priority", 2),
        (GOOGLE, "gemini-3.8-flash", None, 1),
        (MISTRAL, "mistral-medium-latest", "auto", 1.75),
        (MISTRAL, "mistral-large-latest", "auto", 1.75),
        (MISTRAL, "mistral-medium-latest", None, 1),
        (ANTHROPIC, "claude-sonnet-4-6", "auto", 1),
    ],
)
def test_the_dearest_tier_that_may_serve_counts(provider: Provider, model: str, tier: ServiceTier | None, times: float) -> None:
    def bound(tier: ServiceTier | None) -> float | None:
        return highest_cost_usd(provider, CompletionRequest(prompt="x", max_tokens=10**6, service_tier=tier), model)

    assert bound(tier) == pytest.approx((bound("standard") or 0) * times, rel=0.001)


def test_a_prompt_that_may_reach_the_long_ones_counts_as_one() -> None:
    def bound(size: int) -> float:
        request = CompletionRequest(prompt="x" * size, max_tokens=1, service_tier="standard")
        return highest_cost_usd(OPENAI, request, "gpt-5.6-sol") or 0

    assert bound(280_000) > 1.9 * bound(270_000)


def test_what_does_not_fit_into_the_models_context_is_not_counted() -> None:
    def bound(size: int) -> float | None:
        return highest_cost_usd(OPENAI, CompletionRequest(prompt="x" * size, max_tokens=1), "gpt-5.2")

    assert bound(4_000_000) == bound(500_000)


def test_a_limit_that_an_adapter_raises_counts() -> None:
    least = CompletionRequest(prompt="x", max_tokens=1)
    assert OPENAI.most_output_tokens(least) == 16
    assert load_provider("cerebras", {}).most_output_tokens(CompletionRequest(prompt="x")) == 4096


def test_the_key_behind_a_login_may_charge_for_its_own_default_model() -> None:
    request = CompletionRequest(prompt="x", max_tokens=10**6, is_default_model=True)
    bounds = [highest_cost_usd(OPENAI, request, model) for model in ("gpt-6.1-sol", OPENAI.default_model)]
    assert bounds == [pytest.approx(28, rel=0.001)] * 2


@pytest.mark.parametrize(
    ("provider", "model"), [(ANTHROPIC, "no-such-model"), (MISTRAL, "ministral-3b-latest"), (OPENAI, "whisper-1"), (OPENAI, "")]
)
def test_a_model_without_a_price_has_no_bound(provider: Provider, model: str) -> None:
    assert highest_cost_usd(provider, CompletionRequest(prompt="x"), model) is None
