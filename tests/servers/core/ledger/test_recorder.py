"""What a call leaves in the ledger, and what the budget lets through. With an adapter made for the test."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.core import errors, redaction
from mcp_models.servers.core.completion import Completion, CompletionRequest, Usage
from mcp_models.servers.core.ledger import writer
from mcp_models.servers.core.service import CompletionService
from tests.servers.core.test_service import Behaviour, Scripted, answered

PRICED = "gpt-5.2"  # 1.75 $ a million tokens in, 14 $ out


class Cloud(Scripted):
    """An adapter whose calls cost what OpenAI's do."""

    price_list = "openai"
    default_model = PRICED

    def may_charge(self) -> bool:
        return True


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("MCP_MODELS_LEDGER", str(path))
    return path


def spends(cost: float | None = None, **fields: Any) -> Behaviour:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        usage = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=10, reasoning_tokens=5)
        return answered(model=request.model, auth_mode="api_key", usage=usage, cost_usd=cost, request_id="req_1", **fields)

    return behaviour


def fails(error: errors.CompletionError, text: str = "") -> Behaviour:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        if text:
            on_text(text)
        raise error

    return behaviour


async def ask(provider: Scripted, **arguments: Any) -> dict[str, Any]:
    service = CompletionService(provider)
    result = await service.call_tool("complete", {"prompt": "a secret plan", **arguments}, lambda text: None, "a-host")
    await service.aclose()
    return result["_meta"].get("mcp-models/error") or {}


def rows(ledger: Path, columns: str) -> list[Any]:
    with sqlite3.connect(ledger) as connection:
        found = connection.execute(f"SELECT {columns} FROM calls ORDER BY id").fetchall()
    connection.close()
    return [row[0] if len(row) == 1 else row for row in found]


async def test_an_answer_leaves_a_row_with_its_numbers_and_no_words(ledger: Path) -> None:
    await ask(Cloud(spends(0.25)))
    columns = "provider, model_asked, model, host, input_tokens, output_tokens, cache_read_tokens, reasoning_tokens"
    assert rows(ledger, columns) == [("scripted", PRICED, PRICED, "a-host", 1000, 100, 10, 5)]
    assert rows(ledger, "cost_usd, stop_reason, error_type, request_id, refused") == [(0.25, "end_turn", None, "req_1", 0)]
    kept = b"".join(path.read_bytes() for path in ledger.parent.rglob("*") if path.is_file())
    assert b"secret plan" not in kept
    assert b"fine" not in kept


async def test_the_list_price_is_the_cost(ledger: Path) -> None:
    await ask(Cloud(spends()))
    (cost,) = rows(ledger, "cost_usd")
    assert cost == pytest.approx((990 * 1.75 + 10 * 0.175 + 100 * 14) / 1e6)


async def test_a_failure_leaves_its_type(ledger: Path) -> None:
    await ask(Cloud(fails(errors.RateLimitError("slow down", status=429, request_id="req_2"))))
    assert rows(ledger, "model, cost_usd, error_type, request_id, refused") == [(None, None, "rate_limit", "req_2", 0)]


async def test_a_useless_answer_still_costs(ledger: Path) -> None:
    await ask(Cloud(spends(0.5, stop_reason="refusal")))
    assert rows(ledger, "cost_usd, error_type, stop_reason") == [(0.5, "refusal", "refusal")]


async def test_a_fault_of_ours_is_an_internal_error(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fault(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        raise ZeroDivisionError

    await ask(Cloud(fault))
    assert rows(ledger, "error_type") == ["internal"]
    assert "ZeroDivisionError" in capsys.readouterr().err


async def test_a_cancelled_call_leaves_a_row(ledger: Path) -> None:
    asked = asyncio.Event()
    service = CompletionService(Cloud(lambda request, on_text: asked.set()))
    call = asyncio.ensure_future(service.call_tool("complete", {"prompt": "x"}, lambda text: None))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await service.aclose()
    assert rows(ledger, "error_type, host") == [("cancelled", None)]


async def test_arguments_that_were_refused_here_are_no_call(ledger: Path) -> None:
    await ask(Cloud(spends()), max_tokens="many")
    assert not os.path.exists(ledger)  # noqa: ASYNC240


async def test_a_key_given_as_a_model_is_not_kept(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    redaction.protect("sk-made-up-0123456789")
    await ask(Cloud(spends(0.1)), model="sk-made-up-0123456789")
    assert rows(ledger, "model_asked, model") == [("[redacted]", "[redacted]")]


async def test_a_ledger_that_makes_no_sense_costs_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "mysql://somewhere")
    assert not await ask(Cloud(spends()))
    assert len(caplog.records) == 1
    assert "expected the path of a file" in caplog.text


async def test_what_does_not_fit_the_budget_is_not_sent(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "0.02 USD/month")
    first, second = Cloud(spends(0.019)), Cloud(spends())
    assert not await ask(first, max_tokens=100)
    error = await ask(second, max_tokens=100)
    assert error["type"] == "billing"
    assert (
        "the budget of 0.02 USD/month does not allow this call: 0.019 USD spent, and this call may come to" in error["message"]
    )
    assert "Nothing was sent." in error["message"]
    assert not second.requests
    assert rows(ledger, "error_type, refused, cost_usd") == [(None, 0, 0.019), ("billing", 1, None)]


async def test_a_call_settles_what_it_reserved(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "0.06 USD/month")  # each call may come to 0.058 and comes to 0.001
    for _ in range(3):
        assert not await ask(Cloud(spends(0.0005)), max_tokens=4096)
    assert rows(ledger, "cost_usd") == [0.0005] * 3


async def test_an_unknown_price_is_refused_unless_the_budget_allows_it(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 USD/day")
    error = await ask(Cloud(spends()), model="gpt-unheard-of")
    assert "the price of gpt-unheard-of is not known, so the budget cannot cap it" in error["message"]
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 USD/day, unpriced=allow")
    assert not await ask(Cloud(spends()), model="gpt-unheard-of")
    assert rows(ledger, "refused") == [1, 0]


async def test_what_costs_nothing_needs_no_price(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "0 USD/day")
    assert not await ask(Scripted(lambda request, on_text: answered()))
    assert rows(ledger, "cost_usd, refused") == [(None, 0)]


async def test_a_budget_of_calls_counts_also_what_costs_nothing(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 call/month")
    assert not await ask(Scripted(lambda request, on_text: answered()))
    assert (
        "the budget of 1 call/month does not allow this call: 1 call made"
        in (await ask(Scripted(lambda r, t: None)))["message"]
    )
    assert rows(ledger, "refused") == [0, 1]


@pytest.mark.parametrize(
    ("failure", "text", "is_held"),
    [
        (errors.ProviderError("no such luck", status=500), "", False),
        (errors.ProviderError("the connection broke"), "half an ans", True),
        (errors.CallTimeoutError("too late"), "", True),
        (errors.UnreachableError("nobody answers"), "", False),
    ],
)
async def test_what_a_failed_call_may_have_cost_counts_unless_the_provider_said_that_it_failed(
    failure: errors.CompletionError, text: str, is_held: bool, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 USD/day")
    await ask(Cloud(fails(failure, text)))
    (held,) = rows(ledger, "held_usd")
    assert bool(held) is is_held


@pytest.mark.parametrize(
    ("ledger_is", "said"),
    [
        ("off", "MCP_MODELS_LEDGER is off"),
        ("mysql://x", "expected the path of a file"),
        ("/proc/nowhere/ledger", "cannot be used"),
    ],
)
async def test_without_a_ledger_a_budget_refuses_every_call(ledger_is: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", ledger_is)
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 call/day")
    provider = Scripted(lambda request, on_text: answered())
    assert said in (await ask(provider))["message"]
    assert not provider.requests


async def test_a_budget_that_makes_no_sense_refuses_every_call(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "five dollars")
    error = await ask(Scripted(lambda request, on_text: answered()))
    assert error["type"] == "configuration"
    assert rows(ledger, "refused") == [1]


async def test_a_ledger_that_does_not_answer_is_waited_for_within_bounds(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_BUDGET", "1 call/day")
    monkeypatch.setattr(writer.Writer, "reserve", lambda self, reservation: writer.Job().done)
    error = await ask(Scripted(lambda request, on_text: answered()), timeout=0.05)
    assert "the ledger does not answer" in error["message"]
    assert error["retryable"]
