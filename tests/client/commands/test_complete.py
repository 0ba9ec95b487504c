"""`mcp-models complete`: text on stdout, everything else on stderr, and an exit code for each kind of failure."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mcp_models.client.commands.complete import EXIT_CODES
from mcp_models.servers.core.errors import ERROR_TYPES
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import TEXT, FakeOpenAI


def run(*words: str, stdin: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mcp_models.client.commands", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, **options)


def test_a_prompt_for_a_provider() -> None:
    done = run("complete", "echo", "hello there")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello there\n", "")


def test_without_a_provider_echo_answers_and_the_cures_are_named() -> None:
    done = run("complete", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "echo answers" in done.stderr
    assert "OPENAI_API_KEY" in done.stderr
    assert "ollama serve" in done.stderr


def test_without_a_provider_the_first_configured_answers_and_is_named(openai: FakeOpenAI) -> None:
    done = run("complete", "hello")
    assert (done.returncode, done.stdout) == (0, TEXT + "\n")
    assert "asking OpenAI" in done.stderr


@pytest.mark.parametrize("words", [("echo",), ()])
def test_a_prompt_on_standard_input(words: tuple[str, ...]) -> None:
    assert run("complete", *words, stdin="from a pipe").stdout == "from a pipe\n"


def test_what_is_piped_in_follows_the_prompt() -> None:
    assert run("complete", "echo", "Summarise:", stdin="a report").stdout == "Summarise:\n\na report\n"


def test_a_closed_standard_input_is_no_error() -> None:
    command = f"{sys.executable} -m mcp_models.client.commands complete echo hello <&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_a_key_goes_before_a_server_that_happens_to_run(openai: FakeOpenAI) -> None:
    from mcp_models.servers.ollama_mcp_server import Ollama

    assert not Ollama({}).configured()
    assert "asking OpenAI" in run("complete", "hello").stderr


def test_the_whole_result_as_json() -> None:
    result = json.loads(run("complete", "echo", "hello", "--json").stdout)
    assert (result["output"], result["provider"]) == ("hello", "echo")


def test_a_failure_as_json_is_on_stdout_too() -> None:
    done = run("complete", "echo", "x", "--model", "echo-error-billing", "--json")
    assert (done.returncode, json.loads(done.stdout)["error_type"]) == (4, "billing")


def test_the_text_as_it_comes() -> None:
    command = [
        sys.executable,
        "-m",
        "mcp_models.client.commands",
        "complete",
        "echo",
        "one two three four",
        "--model",
        "echo-slow-5",
        "--stream",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(2) == b"on"
        process.kill()
    assert run("complete", "echo", "one two three", "--stream").stdout == "one two three\n"


def test_options_reach_the_provider(ollama: FakeOllama) -> None:
    words = ["--model", "tiny", "--system", "Be brief.", "--max-tokens", "3", "--temperature", "0"]
    done = run("complete", "ollama", "hi", *words)
    assert done.stdout.split() == ["part", "in", "into"]
    body = ollama.requests[0].body
    assert body["options"] == {"num_predict": 3, "temperature": 0}
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("kind", ERROR_TYPES)
def test_exit_codes_tell_failures_apart(kind: str) -> None:
    done = run("complete", "echo", "x", "--model", f"echo-error-{kind}")
    assert (done.returncode, done.stdout) == (EXIT_CODES.get(kind, 1), "")
    assert done.stderr.startswith("mcp-models: Echo: ")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("complete", "hello", "there", "you"), "quotes"),
        (("complete", "nope", "hello"), "No provider 'nope'; there are anthropic"),
        (("complete", ""), "empty"),
        (("complete",), "empty"),
        (("complete", "echo", "x", "--max-tokens", "0"), "--max-tokens"),
        (("complete", "echo", "x", "--stream", "--json"), "choose one"),
        (("nope",), "No such command"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], hint: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m mcp_models.client.commands complete echo '{'x ' * 50_000}' | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("x", "")


def test_help_and_version() -> None:
    assert "complete" in run("--help").stdout
    assert run("--version").stdout.startswith("mcp-models, version ")
