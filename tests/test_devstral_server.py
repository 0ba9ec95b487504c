"""devstral_server.sh: it starts llama.cpp's server with your settings, and says what is missing."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from tests.checkout import ROOT


def run(*words: str, program: str = "no-such-llama-server") -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "devstral_server.sh"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, env={**os.environ, "LLAMA_SERVER": program})


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "a model.gguf"
    path.write_bytes(b"GGUF and the rest")
    return str(path)


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A stand-in for llama-server that prints its arguments."""
    path = tmp_path / "llama-server"
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_it_starts_the_server_on_this_machine_only(model: str, program: str) -> None:
    done = run(model, "18080", "4096", "--threads", "2", program=program)
    assert done.stdout.splitlines() == [
        *("--model", model, "--host", "127.0.0.1", "--port", "18080", "--ctx-size", "4096", "--alias", "devstral"),
        *("--threads", "2"),
    ]
    assert "DEVSTRAL_ENDPOINT=http://127.0.0.1:18080" in done.stderr


def test_port_and_context_have_defaults(model: str, program: str) -> None:
    words = run(model, program=program).stdout.splitlines()
    assert words[words.index("--port") + 1] == "8080"
    assert words[words.index("--ctx-size") + 1] == "32768"


def test_what_is_missing_is_said_in_one_line(model: str, program: str, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    rows = [
        ((), "usage"),
        (("nowhere.gguf",), "no model at nowhere.gguf"),
        ((str(tmp_path / "text.gguf"),), "is no GGUF file"),
        ((model, "port"), "PORT: expected"),
        ((model, "70000"), "PORT: expected"),
        ((model, "18080", "much"), "CONTEXT: expected"),
        ((model,), "no program no-such-llama-server"),
    ]
    for words, hint in rows:
        done = run(*words)
        assert done.returncode != 0
        assert hint in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_port_in_use_is_said(model: str, program: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(model, str(taken.getsockname()[1]), program=program)
    assert done.returncode != 0
    assert "choose another PORT" in done.stderr
