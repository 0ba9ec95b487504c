"""`mcp-models prices`: which price list counts, and a newer one from a file."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke, run

MODEL = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "output_mtok": 2}}
LIST: list[dict[str, Any]] = [
    {"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "models": [MODEL]}
]


@pytest.fixture
def newer(tmp_path: Path) -> str:
    file = tmp_path / "newer.json"
    file.write_text(json.dumps(LIST))
    return str(file)


def test_the_packages_list_with_its_version_and_date() -> None:
    record = json.loads(invoke("prices", "--json").stdout)
    assert record["source"] == "genai-prices 0.2.3"
    assert re.fullmatch(r"2026-\d\d-\d\d", record["newest_price"])
    rows = {row["provider"]: row for row in record["providers"]}
    assert record["models"] == sum(row["models"] for row in rows.values())
    assert rows["openai"]["models"] > 100
    assert rows["openai"]["tiers"] == ["flex", "priority"]
    assert (rows["mistral"]["documented_tiers"], rows["mistral"]["corrected"]) == (["priority"], 5)
    assert not {"ollama", "echo", "vllm"} & rows.keys()


def test_lines_with_tabs_in_a_pipe() -> None:
    first, row = invoke("prices", "anthropic").stdout.splitlines()
    assert first.startswith("genai-prices 0.2.3, newest price of 2026-")
    assert row.split("\t")[0] == "anthropic"


def test_a_file_is_checked_and_shown_with_what_makes_the_servers_use_it(newer: str) -> None:
    done = invoke("prices", "--load", newer, "openai", "--json")
    record = json.loads(done.stdout)
    assert (record["source"], record["models"], record["newest_price"]) == ("file newer.json", 1, None)
    assert done.stderr == f"mcp-models: to use this list, set MCP_MODELS_PRICES={newer}\n"


def test_the_variable_names_the_list_that_counts(newer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_PRICES", newer)
    assert run("prices", "openai").stdout == "file newer.json, newest price of an unknown day\nopenai\t1\n"


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_bad_file_is_an_error_that_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    if by_variable:
        monkeypatch.setenv("MCP_MODELS_PRICES", str(bad))
    done = run("prices", *([] if by_variable else ["--load", str(bad)]))
    assert done.returncode == 3
    assert "bad.json is not JSON" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_provider_that_there_is_not() -> None:
    done = invoke("prices", "nobody")
    assert done.exit_code == 2


def test_a_provider_without_list_prices_has_no_row() -> None:
    assert json.loads(invoke("prices", "ollama", "--json").stdout)["providers"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_a_table_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    code, shown = run_in_terminal("prices", "openai")
    assert code == 0
    assert "newest price" in shown
    assert "flex, priority" in shown
