"""`mcp-models models`: what each provider lists, with limits, prices and retirements where they are known."""

from __future__ import annotations

import json
import sys

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core.pricing import context_tokens, price_per_million
from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke
from tests.fakes.endpoint import json_reply
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI


def test_a_providers_models_with_retirement(openai: FakeOpenAI) -> None:
    rows = json.loads(invoke("models", "openai", "--json").stdout)
    assert [(row["provider"], row["id"], row["retires_at"]) for row in rows] == [
        ("openai", "gpt-4o", "2027-01-14"),
        ("openai", openai.model, None),
    ]


def test_lines_with_tabs_in_a_pipe(openai: FakeOpenAI) -> None:
    done = invoke("models", "openai")
    assert done.stdout.splitlines()[0].split("\t") == ["openai", "gpt-4o", "128,000", "", "", "2027-01-14"]


def test_no_price_from_somebody_elses_server(openai: FakeOpenAI) -> None:
    assert json.loads(invoke("models", "openai", "--json").stdout)[0]["usd_per_million_input_tokens"] is None


def test_list_prices_and_contexts() -> None:
    openai, mistral, ollama = load_provider("openai", {}), load_provider("mistral", {}), load_provider("ollama", {})
    assert (price_per_million(openai, "gpt-4o"), context_tokens(openai, "gpt-4o")) == ((2.5, 10.0), 128_000)
    assert price_per_million(mistral, "mistral-large-latest") == (0.5, 1.5)  # our own correction
    assert price_per_million(mistral, "mistral-large-4") is None
    assert price_per_million(openai, "nobody-knows-this") is None
    assert price_per_million(ollama, "llama3.2") is None


def test_without_a_provider_those_that_are_configured(openai: FakeOpenAI, ollama: FakeOllama) -> None:
    rows = json.loads(invoke("models", "--json").stdout)
    assert {row["provider"] for row in rows} == {"openai", "ollama"}
    assert any(row["context_tokens"] for row in rows if row["provider"] == "ollama")


def test_one_that_fails_does_not_hide_the_others(openai: FakeOpenAI, ollama: FakeOllama) -> None:
    openai.script(json_reply({"error": {"message": "Too many requests."}}, 429))
    done = invoke("models", "openai", "ollama")
    assert (done.exit_code, "thinker" in done.stdout) == (5, True)
    assert "OpenAI: Too many requests" in done.stderr


def test_nothing_is_configured() -> None:
    done = invoke("models")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "mcp-models keys set PROVIDER" in done.stderr


def test_no_key() -> None:
    done = invoke("models", "mistral")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "MISTRAL_API_KEY is not set" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_a_table_in_a_terminal_without_orders_to_it(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    openai.script(json_reply({"data": [{"id": "evil\x1b]0;x\x07", "object": "model", "created": 1, "owned_by": "x"}]}))
    code, shown = run_in_terminal("models", "openai")
    assert code == 0
    assert "provider" in shown
    assert "$/M in" in shown
    assert "\x07" not in shown
    assert "\\x07" in shown
