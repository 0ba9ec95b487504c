"""`mcp-models keys`: keys are stored where only the user can read them, and are never shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from mcp_models.client import key_store, keychain
from mcp_models.client.key_store import KeyStoreError
from tests.client.commands.run import invoke, run

KEY = "sk-canary-0123456789"


def key_file(home: Path) -> Path:
    return home / ".config" / "mcp-models" / "keys.json"


def test_a_key_from_a_pipe(home: Path) -> None:
    done = run("keys", "set", "openai", stdin=f"  {KEY}  \nsecond line\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(key_file(home).read_text()) == {"openai": {"variable": "OPENAI_API_KEY", "key": KEY}}
    assert stat.S_IMODE(key_file(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file(home).parent.stat().st_mode) == 0o700
    assert KEY not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_a_key_that_is_typed_is_not_shown(home: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "mcp_models.client.commands", "keys", "set", "openai"]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True) as process:
        os.close(end)
        shown = b""
        while b"OPENAI_API_KEY" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, f"{KEY}\n".encode())
        try:
            while piece := os.read(terminal, 1000):
                shown += piece
        except OSError:  # the other end of the terminal is closed
            pass
        assert process.wait(timeout=30) == 0
    os.close(terminal)
    assert KEY.encode() not in shown
    assert KEY in key_file(home).read_text()


def test_the_list_has_names_and_places_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no key is stored" in run("keys", "list").stderr
    run("keys", "set", "google-ai-studio", stdin=KEY)
    run("keys", "set", "openai", stdin=KEY)
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}-of-the-shell")
    monkeypatch.setenv("MISTRAL_API_KEY", f"{KEY}-of-the-shell")
    done = run("keys", "list")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["google_ai_studio", "GOOGLE_API_KEY", str(key_file(home))],
        ["mistral", "MISTRAL_API_KEY", "environment"],
        ["openai", "OPENAI_API_KEY", "environment,", str(key_file(home))],
    ]
    assert KEY not in done.stdout + done.stderr


def test_a_key_is_removed(home: Path) -> None:
    run("keys", "set", "openai", stdin=KEY)
    run("keys", "set", "mistral", stdin=KEY)
    assert run("keys", "remove", "openai").returncode == 0
    assert list(json.loads(key_file(home).read_text())) == ["mistral"]
    done = run("keys", "remove", "openai")
    assert (done.returncode, "no key is stored for openai" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("stdin", "hint"),
    [
        ("", "nothing was given"),
        ("\n", "nothing was given"),
        ("sk two words", "set it anew"),
        ("sk-\x1b[31m", "set it anew"),
        ("sk-é", "set it anew"),
        (b"\xff\xfe", "no key"),
        (f"sk-{'x' * 20_000}", "no key"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(stdin: str | bytes, hint: str, home: Path) -> None:
    done = run("keys", "set", "openai", stdin=stdin)
    assert (done.returncode, done.stdout) == (3, "")
    assert hint in done.stderr
    assert "sk" not in done.stderr
    assert not key_file(home).exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("set", "echo"), "needs no key"),
        (("set", "nope"), "No provider"),
        (("remove", "nope"), "No provider"),
        (("set",), "PROVIDER"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], hint: str) -> None:
    done = run("keys", *words, stdin=KEY)
    assert done.returncode == 2
    assert hint in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_cure(mode: int, home: Path) -> None:
    run("keys", "set", "openai", stdin=KEY)
    key_file(home).chmod(mode)
    for words in (("list",), ("set", "mistral"), ("remove", "openai")):
        done = run("keys", *words, stdin=KEY)
        assert done.returncode == 3
        assert f"chmod 600 {key_file(home)}" in done.stderr


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"openai": "x"}', '{"openai": {"key": 1}}', '{"openai": {"variable": "A"}}', "\xff", "[" * 100_000]
)
def test_a_file_that_holds_something_else_is_refused(text: str, home: Path) -> None:
    key_file(home).parent.mkdir(parents=True)
    key_file(home).write_text(text, encoding="latin-1")
    key_file(home).chmod(0o600)
    done = run("keys", "list")
    assert done.returncode == 3
    assert "set the keys anew" in done.stderr


def test_a_folder_that_cannot_be_made_is_told(home: Path) -> None:
    (home / ".config").write_text("no folder")
    done = run("keys", "set", "openai", stdin=KEY)
    assert done.returncode == 3
    assert "cannot be written" in done.stderr


class Chain(KeyringBackend):
    """A keychain inside this process."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    backend = Chain()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    return backend


def test_a_key_in_the_keychain(chain: Chain, home: Path) -> None:
    assert invoke("keys", "set", "openai", "--keychain", stdin=KEY).exit_code == 0
    assert chain.kept == {("mcp-models", "OPENAI_API_KEY"): KEY}
    assert KEY not in key_file(home).read_text()
    assert key_store.stored_environment("openai") == {"OPENAI_API_KEY": KEY}
    assert "keychain" in invoke("keys", "list").output
    assert invoke("keys", "remove", "openai").exit_code == 0
    assert chain.kept == {}


def test_a_key_that_moves_from_the_keychain_to_the_file_leaves_none_behind(chain: Chain, home: Path) -> None:
    invoke("keys", "set", "openai", "--keychain", stdin=KEY)
    invoke("keys", "set", "openai", stdin=KEY)
    assert chain.kept == {}
    assert KEY in key_file(home).read_text()


def test_a_key_that_is_gone_from_the_keychain_is_told(chain: Chain) -> None:
    invoke("keys", "set", "openai", "--keychain", stdin=KEY)
    chain.kept.clear()
    with pytest.raises(KeyStoreError, match="has no OPENAI_API_KEY"):
        key_store.stored_environment("openai")


def test_a_keychain_that_does_not_answer_is_given_up(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(keychain, "SECONDS", 0.05)
    monkeypatch.setattr(chain, "get_password", lambda *_: threading.Event().wait(30))
    with pytest.raises(KeyStoreError, match="unlock it"):
        keychain.get("OPENAI_API_KEY")


def test_a_keychain_that_fails_says_nothing_of_the_key(chain: Chain, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def fail(*words: str) -> None:
        raise keyring.errors.KeyringLocked(*words)

    monkeypatch.setattr(chain, "set_password", fail)
    result = invoke("keys", "set", "openai", "--keychain", stdin=KEY)
    assert result.exit_code == 3
    assert "KeyringLocked" in result.output
    assert KEY not in result.output
    assert not key_file(home).exists()


def test_no_keychain_and_no_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends import fail

    monkeypatch.setattr(keyring, "get_keyring", fail.Keyring)
    assert "no keychain that works" in invoke("keys", "set", "openai", "--keychain", stdin=KEY).output
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "mcp-models[keychain]" in invoke("keys", "set", "openai", "--keychain", stdin=KEY).output
