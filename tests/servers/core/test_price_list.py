"""The price list: the package's own, or a newer one from a file, which is checked before it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core import price_list
from mcp_models.servers.core.completion import Completion, CompletionRequest, Usage
from mcp_models.servers.core.price_bound import highest_cost_usd
from mcp_models.servers.core.price_list import BadListError
from mcp_models.servers.core.pricing import book

OPENAI = load_provider("openai", {})


def listed(**model: Any) -> list[dict[str, Any]]:
    """Return a list with one model, in the format of genai-prices."""
    prices = {"input_mtok": 7, "output_mtok": 70}
    entry = {"id": "gpt-5.2", "match": {"equals": "gpt-5.2"}, "prices": prices, **model}
    return [{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "models": [entry]}]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Let each test read the list anew."""
    price_list._found.cache_clear()
    yield
    price_list._found.cache_clear()


def written(path: Path, content: Any) -> str:
    file = path / "new.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


async def test_a_file_takes_the_place_of_the_packages_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_PRICES", written(tmp_path, listed()))
    usage = Usage(input_tokens=100_000, output_tokens=100_000)
    completion = Completion(text="x", model="gpt-5.2", stop_reason="end_turn", auth_mode="api_key", usage=usage)
    await book(OPENAI, completion)
    assert completion.cost_usd == pytest.approx(7.7)
    assert completion.price_source == "file new.json"
    request = CompletionRequest(prompt="x", max_tokens=10**6, service_tier="standard")
    assert highest_cost_usd(OPENAI, request, "gpt-5.2") == pytest.approx(70, rel=0.001)


async def test_a_bad_file_is_passed_over_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_PRICES", str(tmp_path / "missing.json"))
    completion = Completion(text="x", model="gpt-5.2", stop_reason="end_turn", auth_mode="api_key", usage=Usage(input_tokens=9))
    await book(OPENAI, completion)
    assert completion.price_source == "genai-prices 0.2.3"
    (warning,) = completion.warnings
    assert warning.startswith("MCP_MODELS_PRICES is ignored: ")
    assert "missing.json cannot be read: No such file or directory." in warning


def test_tiers_and_later_prices_come_through(tmp_path: Path) -> None:
    variants = [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}}]
    dated = [{"prices": {"input_mtok": 9}}, {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 5}}]
    snapshot = price_list.from_file(written(tmp_path, listed(prices=dated, price_variants=variants)))
    model = snapshot.find_provider_model("gpt-5.2", None, "openai", None)[1]
    from datetime import UTC, datetime

    assert model.get_prices(datetime.now(UTC)).input_mtok == 5
    assert model.get_prices(datetime.now(UTC), {"service_tier": "flex"}).input_mtok == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("{}", "expected an array of providers"),
        ([], "expected an array of providers"),
        ([1], "is no price list of genai-prices"),
        ([{"id": "openai"}], "is no price list of genai-prices"),
        (listed(match={"looks_like": "gpt"}), "is no price list of genai-prices"),
        (listed(match=5), "is no price list of genai-prices"),
        (listed(prices={"input_mtok": "a lot"}), "is no price list of genai-prices"),
        (listed(prices={"input_mtok": -1}), "the price of openai/gpt-5.2 makes no sense"),
        (listed(prices={"input_mtok": {"base": 1, "tiers": [{"start": -5, "price": 1}]}}), "makes no sense"),
        (listed(prices=[]), "openai/gpt-5.2 has no price"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_no_price_list(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(BadListError) as caught:
        price_list.from_file(written(tmp_path, content))
    assert said in caught.value.message
    assert "new.json" in caught.value.message
    assert len(caught.value.message) < 1000


def test_a_folder_is_no_price_list(tmp_path: Path) -> None:
    with pytest.raises(BadListError, match="cannot be read"):
        price_list.from_file(str(tmp_path))


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_list, "LARGEST_FILE", 10)
    with pytest.raises(BadListError, match="more than 10 bytes"):
        price_list.from_file(written(tmp_path, listed()))
