"""The cost of a call: list prices, corrections, and null where nothing is known."""

from __future__ import annotations

import pytest

from mcp_models.servers.core.completion import Usage
from mcp_models.servers.core.pricing import cost_usd

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)


def test_a_list_price() -> None:
    assert cost_usd("anthropic", {}, "claude-sonnet-4-6", MILLION) == pytest.approx(18)


def test_cached_tokens_cost_less() -> None:
    cached = Usage(input_tokens=1_000_000, cache_read_tokens=1_000_000, output_tokens=1_000_000)
    assert (cost_usd("anthropic", {}, "claude-sonnet-4-6", cached) or 0) < 18


def test_a_correction_goes_first() -> None:
    assert cost_usd("mistral", {"mistral-large-latest": (0.5, 1.5)}, "mistral-large-latest", MILLION) == pytest.approx(2)


@pytest.mark.parametrize("model", ["no-such-model", ""])
def test_an_unknown_price_is_null(model: str) -> None:
    assert cost_usd("anthropic", {}, model, MILLION) is None


def test_a_model_whose_price_is_known_to_be_wrong_has_none() -> None:
    assert cost_usd("mistral", {"ministral-3b-latest": None}, "ministral-3b-latest", MILLION) is None


def test_a_provider_without_list_prices_has_none() -> None:
    assert cost_usd("nobody", {}, "m", MILLION) is None
