"""`mcp-models complete`: text on stdout, everything else on stderr, and an exit code for each kind of failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client.commands.complete import EXIT_CODES
from mcp_models.client.commands.terminal import visible
from mcp_models.servers.core.errors import ERROR_TYPES
from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke
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


def test_a_provider_and_its_model_in_one_word(ollama: FakeOllama) -> None:
    assert run("complete", "-m", "ollama/tiny", "hi").returncode == 0
    assert ollama.requests[-1].body["model"] == "tiny"
    assert run("complete", "--model", "echo/", "hi").stdout == "hi\n"
    assert "GOOGLE_API_KEY" in run("complete", "google-ai-studio", "hi").stderr


def test_a_model_with_a_slash_for_a_named_provider(ollama: FakeOllama) -> None:
    assert "openai/tiny" in run("complete", "ollama", "-m", "openai/tiny", "hi").stderr


@pytest.mark.parametrize("words", [("echo", "-"), ("-m", "echo/", "-"), ("echo", "Say:", "-")])
def test_a_dash_reads_standard_input(words: tuple[str, ...]) -> None:
    assert run("complete", *words, stdin="from a pipe").stdout.endswith("from a pipe\n")


def test_text_files_come_first_each_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)\n")
    (tmp_path / "b.md").write_text("\ufeff# B", encoding="utf-8")
    done = run("complete", "echo", "Review.", "--file", "a.py", "--file", "b.md", cwd=tmp_path)
    documents = '<document path="a.py">\nprint(1)\n</document>\n\n<document path="b.md">\n# B\n</document>'
    assert done.stdout == f"{documents}\n\nReview.\n"


PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("data", "kind"), [(PNG, "png"), (b"\xff\xd8\xff ", "jpeg"), (b"GIF89a", "gif"), (b"RIFF1234WEBPVP8 ", "webp")]
)
def test_images_go_to_the_provider_with_their_format(openai: FakeOpenAI, tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "picture").write_bytes(data)
    done = run("complete", "openai", "What is it?", "--image", str(tmp_path / "picture"))
    assert (done.returncode, done.stdout) == (0, TEXT + "\n")
    (turn,) = openai.requests[-1].body["messages"]
    assert f"data:image/{kind};base64," in json.dumps(turn)
    assert "What is it?" in json.dumps(turn)


def test_a_pdf_is_attached_as_a_document_beside_texts(openai: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "spec.pdf").write_bytes(b"%PDF-1.7 rest")
    (tmp_path / "a.md").write_text("# A")
    done = run("complete", "openai", "Sum up.", "--file", "spec.pdf", "--file", "a.md", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, TEXT + "\n")
    document, text = openai.requests[-1].body["messages"][0]["content"]
    assert document["file"]["file_data"].startswith("data:application/pdf;base64,JVBERi0x")
    assert text["text"] == '<document path="a.md">\n# A\n</document>\n\nSum up.'


def test_a_schema_reaches_the_provider_and_the_answer_is_checked(openai: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}')
    openai.script(openai.text(None, '{"a": "b"}'))
    done = run("complete", "openai", "x", "--schema", str(tmp_path / "s.json"))
    assert json.loads(done.stdout) == {"a": "b"}
    assert openai.requests[-1].body["response_format"]["json_schema"]["schema"]["required"] == ["a"]
    assert "does not fit" in run("complete", "openai", "x", "--schema", str(tmp_path / "s.json")).stderr


@pytest.mark.parametrize(
    ("option", "content", "hint"),
    [
        ("--file", None, "not there"),
        ("--file", b"\xff\xfe", "not text in UTF-8"),
        ("--file", b"a\x00b", "not text in UTF-8"),
        ("--image", b"text", "not a PNG, JPEG, GIF or WebP"),
        ("--schema", b"[]", "one JSON object"),
        ("--schema", b"{", "one JSON object"),
    ],
)
def test_a_file_that_cannot_be_attached(option: str, content: bytes | None, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    done = run("complete", "echo", "x", option, str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr
    assert run("complete", "echo", "x", option, str(tmp_path)).returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize("option", ["--stream", "--no-stream", "--json"])
def test_what_a_model_says_gives_no_orders_to_a_terminal(option: str) -> None:
    code, shown = run_in_terminal("complete", "echo", "a\x1b]0;title\x07\tb\x9b31m\nc", option)
    assert code == 0
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    if option != "--json":
        assert shown == "a\\x1b]0;title\\x07" + "\tb\\x9b31m\nc\n"


def test_what_a_model_says_is_raw_in_a_pipe() -> None:
    assert run("complete", "echo", "a\x1b[31mb").stdout == "a\x1b[31mb\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_the_text_comes_as_it_is_made_in_a_terminal(openai: FakeOpenAI) -> None:
    assert run_in_terminal("complete", "openai", "hi") == (0, TEXT + "\n")
    assert run_in_terminal("complete", "openai", "-", stdin=b"hi") == (0, TEXT + "\n")


def test_visible_characters_stay() -> None:
    text = "plain, é, 字, 🙂\n\tnext"
    assert visible(text) == text
    assert visible("\u202ex\x85\r") == "\\u202ex\\x85\\x0d"


def test_the_service_tier(openai: FakeOpenAI) -> None:
    done = invoke("complete", "openai", "--service-tier", "flex", "--json", "Hello?")
    assert json.loads(done.stdout)["service_tier"] == "flex"
    assert openai.requests[0].body["service_tier"] == "flex"
    assert invoke("complete", "openai", "--service-tier", "fast", "Hello?").exit_code == 2
