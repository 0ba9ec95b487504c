"""`mcp-models serve PROVIDER`: run the provider's server in the same process, with the stored key if the host sets none."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_models.client.reference import is_reference
from tests.checkout import unmeasured_environment
from tests.client.commands.run import run
from tests.fakes.openai import TEXT, FakeOpenAI
from tests.peer import Peer, call
from tests.test_cold_start import handshake

KEY = "sk-canary-0123456789"


def serve(*words: str) -> Peer:
    return Peer(sys.executable, "-P", "-m", "mcp_models.client.commands", "serve", *words)


def said(peer: Peer) -> str:
    """Return the text that the server answers a call with."""
    text: str = peer.ask(call(1, {"prompt": "hello"}))["result"]["content"][0]["text"]
    return text


def key_used(fake: FakeOpenAI) -> str:
    return fake.requests[-1].headers["authorization"].removeprefix("Bearer ")


def test_it_is_the_server() -> None:
    with serve("echo") as peer:
        assert peer.initialize()["result"]["serverInfo"]["name"] == "echo-mcp-server"
        assert said(peer) == "hello"


def test_a_name_as_the_programs_have_it() -> None:
    with serve("google-ai-studio", "--warm") as peer:
        assert peer.initialize()["result"]["serverInfo"]["name"] == "google-ai-studio-mcp-server"


@pytest.mark.parametrize(
    "unset", [None, "", "  ", "${OPENAI_API_KEY}", "${env:OPENAI_API_KEY}", "${V:-none}", "$OPENAI_API_KEY"]
)
def test_a_stored_key_is_used_where_the_host_sets_none(
    unset: str | None, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keys", "set", "openai", stdin=openai.key)
    monkeypatch.delenv("OPENAI_API_KEY")
    if unset is not None:
        monkeypatch.setenv("OPENAI_API_KEY", unset)
    with serve("openai") as peer:
        assert said(peer) == TEXT
    assert key_used(openai) == openai.key


def test_what_the_host_sets_wins(openai: FakeOpenAI) -> None:
    run("keys", "set", "openai", stdin=KEY)
    with serve("openai") as peer:
        assert said(peer) == TEXT
    assert key_used(openai) == openai.key


def test_another_of_a_providers_variables_wins_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.client.commands.serve import provider_with_key

    run("keys", "set", "google_ai_studio", stdin=KEY)
    monkeypatch.setenv("GEMINI_API_KEY", "of-the-host")
    assert "GOOGLE_API_KEY" not in provider_with_key("google_ai_studio").env


def test_complete_uses_a_stored_key_too(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    run("keys", "set", "openai", stdin=openai.key)
    done = run("complete", "hello")
    assert (done.returncode, done.stdout) == (0, TEXT + "\n")
    assert key_used(openai) == openai.key


def test_without_a_key_the_answer_says_how_to_store_one() -> None:
    with serve("openai") as peer:
        text = said(peer)
    assert "OPENAI_API_KEY is not set: run `mcp-models keys set openai`, or set OPENAI_API_KEY" in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_key_file_that_others_can_read_stops_no_server_and_the_answer_has_the_cure(home: Path) -> None:
    run("keys", "set", "openai", stdin=KEY)
    path = home / ".config" / "mcp-models" / "keys.json"
    path.chmod(0o644)
    with serve("openai") as peer:
        assert "result" in peer.initialize()
        text = said(peer)
    assert f"chmod 600 {path}" in text
    assert KEY not in text


def test_no_such_provider() -> None:
    done = run("serve", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no provider 'nope'; there are anthropic" in done.stderr


@pytest.mark.parametrize("words", [(), ("--help",), ("echo", "--nope")])
def test_wrong_usage_and_help(words: tuple[str, ...]) -> None:
    done = run("serve", *words)
    assert done.returncode == (0 if "--help" in words else 2)
    assert "sage: mcp-models serve" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("${A}", True),
        ("$A", True),
        ("${A:-b}", True),
        ("${input:k}", True),
        ("$", False),
        ("sk-$A", False),
        ("${A}${B}", False),
        ("$1", False),
    ],
)
def test_what_a_host_has_left_unexpanded(value: str, is_one: bool) -> None:
    assert is_reference(value) is is_one


def test_it_imports_nothing_that_the_server_does_not() -> None:
    code = "import sys; sys.argv = ['mcp-models', 'serve', 'echo']; from mcp_models.client.commands import main\n"
    code += "import os; os._exit = lambda code: print(*sys.modules, file=sys.stderr)\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code], input="", env=unmeasured_environment(), capture_output=True, text=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "mcp_models" in loaded
    assert not loaded & {"click", "platformdirs", "keyring", "asyncio", "inspect", "msgspec", "shutil", "tempfile"}


@pytest.mark.slow
def test_the_handshake_takes_at_most_half_as_long_again_as_the_bare_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    run("keys", "set", "openai", stdin=KEY)
    bare = [sys.executable, "-P", "-m", "mcp_models.servers.openai_mcp_server"]
    with_key = [sys.executable, "-P", "-m", "mcp_models.client.commands", "serve", "openai"]
    for command in (bare, with_key):
        handshake(command)  # compile the bytecode for both first
    runs = [(handshake(bare)[0], handshake(with_key)[0]) for _ in range(25)]
    seconds = [statistics.median(run[side] for run in runs) for side in (0, 1)]
    print(f"initialize: {seconds[0] * 1000:.0f} ms bare, {seconds[1] * 1000:.0f} with the stored key")
    assert seconds[1] <= 1.5 * seconds[0]
