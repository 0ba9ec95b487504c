"""The cost of a call: list prices, corrections, and null if the price is unknown."""

from __future__ import annotations

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import Usage
from mcp_models.servers.core.pricing import cost_usd

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
CACHED = Usage(input_tokens=1_000_000, cache_read_tokens=1_000_000, output_tokens=1_000_000)
ANTHROPIC, MISTRAL = load_provider("anthropic", {}), load_provider("mistral", {})


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
