"""`mcp-models batch`: a file of prompts in, a line of JSON for each out, and an exit code that says how it went."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands.run import invoke, run
from tests.fakes.openai import FakeOpenAI
from tests.peer import wait_until


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,text\na,Hallo\nb,Welt\n")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_a_csv_file_with_a_template_and_the_same_command_again(source: Path, output: Path) -> None:
    words = ("batch", "echo", str(source), "-o", str(output), "--template", "Translate: {text}")
    for _ in range(2):
        done = run(*words)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "mcp-models: 2 succeeded, 0 failed, 8 tokens, 0.0000 USD\n"
    assert sorted((line["id"], line["output"]) for line in lines(output)) == [
        ("a", "Translate: Hallo"),
        ("b", "Translate: Welt"),
    ]


def test_failures_are_counted_in_the_exit_code(tmp_path: Path, output: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"prompt": "a"}\n{"prompt": "b", "model": "echo-error-refusal"}\n')
    done = run("batch", "echo", str(rows), "-o", str(output))
    assert done.returncode == 1
    assert "1 succeeded, 1 failed (refusal 1)" in done.stderr


def test_flex_is_asked_for(tmp_path: Path, output: Path, openai: FakeOpenAI) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"prompt": "a"}\n')
    assert invoke("batch", "openai/gpt-x", str(rows), "-o", str(output), "--route", "flex").exit_code == 0
    assert [request.body["service_tier"] for request in openai.requests] == ["flex"]
    done = invoke("batch", "echo", str(rows), "-o", str(output), "--route", "flex")
    assert (done.exit_code, "no service tier `flex`" in done.stderr) == (1, True)


def test_a_dry_run_asks_nothing_and_says_what_it_would_cost(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"prompt": "aaaa", "max_tokens": 60}\n{"prompt": "aaaa", "max_tokens": 60}\n{bad\n')
    done = invoke("batch", "openai/gpt-5.2", str(rows), "-o", str(output), "--dry-run")
    said = dict(line.split("\t") for line in done.stdout.splitlines() if not line.startswith("\t"))
    assert (said["rows"], said["of these, the same as another"], said["bad rows"]) == ("2", "1", "1")
    assert (said["input tokens, about"], said["output tokens, at most"]) == ("1", "60")
    standard, flex = (float(said[f"highest price, {route}"].split()[0]) for route in ("standard", "flex"))
    assert 0 < flex < standard
    assert "\tline 3: not JSON" in done.stdout
    assert not output.exists()


@pytest.mark.parametrize("words", [("nobody", "in.csv"), ("echo",), ("echo", "in.csv", "--concurrency", "0")])
def test_wrong_usage(words: tuple[str, ...], output: Path) -> None:
    assert invoke("batch", *words, "-o", str(output)).exit_code == 2


def test_an_input_that_is_not_there(output: Path) -> None:
    done = invoke("batch", "echo", "gone.csv", "-o", str(output))
    assert (done.exit_code, done.stderr) == (1, "mcp-models: gone.csv: No such file or directory\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_waits_for_the_calls_in_flight(tmp_path: Path, output: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"{number}"}) + "\n" for number in range(20)))
    words = ["batch", "echo/echo-slow-0.3", str(rows), "-o", str(output), "--concurrency", "2"]
    command = [sys.executable, "-m", "mcp_models.client.commands", *words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: output.exists() and output.stat().st_size)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "calls in flight, as they are paid for" in said
    assert said.endswith("interrupted. The same command goes on.\n")
    assert 2 <= len(lines(output)) < 20
