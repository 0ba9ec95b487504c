"""Hillstar's own call sites with our servers, and with our `MCPModel`: what docs/hillstar.md says of the two is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import ROOT
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.hillstar.drop_in import WRAPPER, run, version

PAGE = (ROOT / "docs" / "hillstar.md").read_text(encoding="utf-8")

OPENAI = {"provider": "openai_mcp", "model": "gpt-x", "prompt": "Hello?"}
OLLAMA = {"provider": "ollama_mcp", "model": "nope", "prompt": "Hello?"}
ASKED: dict[str, Any] = {
    "workflow": {"ask": OPENAI},
    "calls": {
        "all": {**OPENAI, "max_tokens": 100, "temperature": 0.5, "system": "Be brief."},
        "effort": {**OPENAI, "reasoning_effort": "low"},
        "thinking": {**OPENAI, "thinking": {"type": "enabled"}},
        "unknown": OLLAMA,
    },
}


def ask(folder: Path, openai: FakeOpenAI, *, ours: bool) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """Return what the workflow's node and each call got, and what the provider was asked."""
    with FakeOllama() as ollama:
        found = run(ASKED, folder, {**openai.environment(), **ollama.environment()}, ours=ours)
    return found["workflow"]["ask"], found["calls"], [openai.seen(request) for request in openai.requests]


@pytest.mark.slow
@pytest.mark.timeout(400)  # the first run installs Hillstar
def test_hillstars_own_client_works_with_our_servers(tmp_path: Path, openai: FakeOpenAI) -> None:
    node, calls, seen = ask(tmp_path, openai, ours=False)
    answer = {"output": "Hello from the fake.", "model": "gpt-x", "tokens_used": 0, "provider": "openai_mcp"}
    assert node == calls["all"] == calls["effort"] == calls["thinking"] == answer
    assert (seen[1].system, seen[1].turns) == (None, [("user", "Be brief.\n\nHello?")])
    assert (seen[1].max_tokens, seen[1].temperature) == (seen[0].max_tokens, seen[0].temperature)
    assert seen[2].reasoning_effort is None
    assert calls["unknown"].keys() == {"output", "error", "provider"}
    assert "ollama pull nope" in calls["unknown"]["error"]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_our_model_works_in_the_place_of_hillstars_client(tmp_path: Path, openai: FakeOpenAI) -> None:
    node, calls, seen = ask(tmp_path, openai, ours=True)
    for result in (node, calls["all"], calls["effort"]):
        assert (result["output"], result["provider"]) == ("Hello from the fake.", "openai")
        assert result["tokens_used"] > 0
        assert result.keys() > {"model", "usage", "cost_usd", "stop_reason"}
    assert seen[0].temperature == 1.0  # what Hillstar makes of its own default
    assert (seen[1].system, seen[1].turns) == ("Be brief.", [("user", "Hello?")])
    assert (seen[1].max_tokens, seen[1].temperature, seen[2].reasoning_effort) == (100, 0.5, "low")
    assert calls["thinking"]["raised"].startswith("unknown option 'thinking'")
    assert (calls["unknown"]["output"], calls["unknown"]["error_type"]) == (None, "model_not_found")
    assert (calls["unknown"]["retryable"], "ollama pull nope" in calls["unknown"]["error"]) == (False, True)


def test_the_page_has_the_version_and_the_script_that_are_tested() -> None:
    assert f"hillstar-orchestrator {version()}" in PAGE
    (script,) = re.findall(r"```bash\n(#!/usr/bin/env bash.*?)```", PAGE, re.DOTALL)
    assert script == WRAPPER.format(checkout="/path/to/mcp-models")
