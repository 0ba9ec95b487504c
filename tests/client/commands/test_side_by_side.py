"""`mcp-models complete --with`: the answers of several models side by side, or as blocks in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from mcp_models.client.commands.side_by_side import Column, _grid
from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke
from tests.client.scripted_model import ScriptedModel, fails, hangs, says
from tests.fakes.ollama import FakeOllama, ndjson
from tests.fakes.openai import FakeOpenAI
from tests.fakes.openai import stream as streamed

TWO = "echo,echo/echo-error-billing"


def test_blocks_in_a_pipe_with_time_tokens_and_price_in_the_order_of_the_models() -> None:
    done = invoke("complete", "--with", "echo/echo-slow-0.1,echo", "hello there")
    lines = done.stdout.splitlines()
    assert (done.exit_code, lines[:2], lines[4:6]) == (
        0,
        ["[echo/echo-slow-0.1]", "hello there"],
        ["[echo/echo]", "hello there"],
    )
    assert all(line.endswith(" s · 4 tokens · $0)") for line in (lines[2], lines[6]))


@pytest.mark.parametrize(
    ("names", "code"),
    [(TWO, 12), ("echo/echo-error-billing,echo/echo-error-permission", 4), ("echo/echo-error-billing,echo/echo-empty", 1)],
)
def test_the_exit_code_tells_whether_some_or_all_failed(names: str, code: int) -> None:
    done = invoke("complete", "--with", names, "hello")
    assert done.exit_code == code
    assert "error that the model's name asked for" in done.stdout


def test_the_whole_results_as_json() -> None:
    done = invoke("complete", "--with", TWO, "--json", "--system", "Be brief.", "hello")
    first, second = json.loads(done.stdout)
    assert (done.exit_code, first["output"], second["error_type"]) == (12, "hello", "billing")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--with", "nope", "x"), "No provider 'nope'"),
        (("--with", "echo,,echo", "x"), "with a comma between them"),
        (("--with", "echo", "-m", "echo", "x"), "leave out --model"),
        (("--with", "echo", "two", "words"), "quotes"),
        (("--with", "echo", ""), "empty"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], hint: str) -> None:
    done = invoke("complete", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert hint in done.stderr


def _asked(*models: ScriptedModel) -> list[Column]:
    """Return a column for each model, of which those that end have ended."""

    async def ask(column: Column) -> None:
        await asyncio.wait_for(column.ask({"prompt": "x"}), 0.05)

    columns = [Column(model) for model in models]
    for column in columns:
        with contextlib.suppress(TimeoutError):
            asyncio.run(ask(column))
    return columns


def _shown(columns: list[Column], width: int, height: int | None) -> list[str]:
    screen = Console(width=width, height=50, markup=False)
    with screen.capture() as capture:
        screen.print(_grid(columns, screen, height))
    return capture.get().splitlines()


def test_as_many_columns_as_the_terminal_is_wide_enough_for() -> None:
    columns = _asked(*(ScriptedModel(name, says(f"{name} says so", cost_usd=0.5)) for name in "abc"))
    wide, narrow = _shown(columns, 120, None), _shown(columns, 80, None)
    assert all(f"{name} says so" in wide[1] for name in "abc")
    assert ("b says so" in narrow[1], "c says so" in narrow[1], "c says so" in narrow[4]) == (True, False, True)
    assert "3 tokens · $0.5000" in wide[2]


def test_of_a_long_text_the_end_is_shown_while_it_grows_and_all_of_it_at_last() -> None:
    words = " ".join(f"word{number}" for number in range(200))
    columns = _asked(ScriptedModel("a", hangs(words)), ScriptedModel("b", fails("overloaded", "Half", partial="Half")))
    growing, whole = _shown(columns, 80, 10), _shown(columns, 80, None)
    assert len(growing) <= 10 < len(whole)
    assert "word199" in "".join(growing)
    assert "word0 " not in "".join(growing)
    assert "stopped" in growing[-1]
    assert "Half" in whole[1]


def test_what_a_model_says_gives_no_orders_to_a_terminal() -> None:
    columns = _asked(ScriptedModel("a\x1b[2J", says("x\x1b]0;title\x07[bold]y")))
    shown = "".join(_shown(columns, 80, None))
    assert not {"\x1b", "\x07"} & set(shown)
    assert "[bold]y" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_in_a_terminal() -> None:
    code, shown = run_in_terminal("complete", "--with", TWO, "hello")
    assert code == 12
    assert "─ echo/echo ─" in shown
    assert "· billing ─" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_stops_all_at_their_providers_and_shows_what_came(openai: FakeOpenAI, ollama: FakeOllama) -> None:
    openai.script(streamed(openai.ticks(), pause=0.02))
    ollama.script(ndjson(ollama.ticks(), pause=0.02))
    words = ["complete", "--with", "openai/gpt-x,ollama/tiny", "hello"]
    command: Any = [sys.executable, "-P", "-m", "mcp_models.client.commands", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert openai.arrived.acquire(timeout=20)
        assert ollama.arrived.acquire(timeout=20)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, "Traceback" in stderr) == (1, False)
    assert stdout.count("stopped)") == 2
    assert openai.disconnected.wait(2)
    assert ollama.disconnected.wait(2)
