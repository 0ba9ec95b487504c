"""`mcp-models install` and `uninstall`: our servers get into each host and out of it again, and keys never do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_models.client.commands.install import key_note
from mcp_models.client.hosts import edits
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.table import HOSTS
from tests.client.commands.run import invoke as run
from tests.peer import Peer, call

KEY = "sk-canary-0123456789"
CURSOR = Path(".cursor", "mcp.json")


@pytest.fixture(autouse=True)
def usual_ledger(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says where the ledger is."""
    monkeypatch.delenv("MCP_MODELS_LEDGER")


def everything(folder: Path) -> str:
    """Return the contents of all files in a folder."""
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))
def test_into_each_host_and_out_again_and_never_a_key(host: Host, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = Path(host.user_files()[0])
    done = run("install", host.name, "openai", "echo")
    assert (done.exit_code, done.stdout) == (0, "")
    assert str(path) in done.stderr
    assert list(edits.servers(host, path.read_text())) == ["openai", "echo"]
    said = done.stderr + everything(home)
    again = run("install", host.name, "openai", "echo")
    assert (again.exit_code, "has now" in again.stderr) == (0, False)
    for option in ("--print", "--dry-run", "--link"):
        said += str(run("install", host.name, "openai", option))
    said += run("uninstall", host.name).stderr
    assert not [found for found in home.rglob("*") if found.is_file()]
    assert KEY not in said


@pytest.mark.parametrize("host", [host for host in HOSTS.values() if host.project_file], ids=lambda host: host.name)
def test_into_the_projects_file(host: Host, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("install", host.name, "echo", "--project").exit_code == 0
    assert host.project_file is not None
    assert "echo" in (tmp_path / host.project_file).read_text()
    assert run("uninstall", host.name, "--project").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_the_server_that_was_installed_starts_and_answers(home: Path) -> None:
    run("install", "cursor", "echo")
    fields = json.loads((home / CURSOR).read_text())["mcpServers"]["echo"]
    with Peer(fields["command"], *fields["args"]) as peer:
        assert "result" in peer.initialize()
        answer = peer.ask(call(1, {"prompt": "over here"}))
    assert answer["result"]["content"][0]["text"] == "over here"


def test_without_a_provider_those_that_are_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    run("keys", "set", "openai", stdin=KEY)
    run("install", "cursor")
    assert set(json.loads((home / CURSOR).read_text())["mcpServers"]) >= {"mistral", "openai"}


def test_without_a_provider_and_nothing_configured() -> None:
    done = run("install", "cursor")
    assert done.exit_code == 2
    assert "mcp-models keys set" in done.stderr


def test_a_dry_run_shows_the_change_and_writes_nothing(home: Path) -> None:
    path = home / CURSOR
    path.parent.mkdir()
    path.write_text('{\n  "mcpServers": {}\n}\n')
    done = run("install", "cursor", "echo", "--dry-run")
    assert f"--- {path}\n+++ {path}\n" in done.stdout
    assert '+    "echo": {' in done.stdout
    assert path.read_text() == '{\n  "mcpServers": {}\n}\n'
    run("install", "cursor", "echo")
    assert '-    "echo": {' in run("uninstall", "cursor", "--dry-run").stdout
    assert "echo" in path.read_text()


@pytest.mark.parametrize(("name", "read"), [("cursor", json.loads), ("codex", tomllib.loads), ("goose", yaml.safe_load)])
def test_the_block_to_put_in_by_hand(name: str, read: Any, home: Path) -> None:
    block = read(run("install", name, "echo", "openai", "--print").stdout)
    assert list(block[HOSTS[name].section]) == ["echo", "openai"]
    assert list(home.iterdir()) == []


def test_a_link() -> None:
    assert run("install", "cursor", "echo", "--link").stdout.startswith(
        "cursor://anysphere.cursor-deeplink/mcp/install?name=echo&"
    )
    done = run("install", "codex", "echo", "--link")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "knows no such link" in done.stderr


@pytest.mark.parametrize(
    ("host", "file", "text"),
    [
        ("cursor", ".cursor/mcp.json", '{"mcpServers": '),
        ("cursor", ".cursor/mcp.json", '{"mcpServers": {"echo": {"command": "mine"}}}'),
        ("codex", ".codex/config.toml", "mcp_servers = {}\n"),
        ("goose", ".config/goose/config.yaml", "extensions: {a: {}}\n"),
    ],
)
def test_a_file_that_cannot_be_edited_is_left_and_the_block_printed(host: str, file: str, text: str, home: Path) -> None:
    path = home / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = run("install", host, "echo")
    assert done.exit_code == 1
    assert "is left as it is" in done.stderr
    assert '"serve", "echo"' in done.stdout
    assert [found for found in home.rglob("*") if found.is_file()] == [path]
    assert path.read_text() == text


def test_the_budget_and_the_ledger_reach_every_host(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget that a host does not pass on would be none."""
    ledger = {"MCP_MODELS_BUDGET": "5 USD/day", "MCP_MODELS_LEDGER": "/ledger", "XDG_STATE_HOME": "/state"}
    for name, value in ledger.items():
        monkeypatch.setenv(name, value)
    run("install", "codex", "echo")
    found = tomllib.loads((home / ".codex" / "config.toml").read_text())["mcp_servers"]["echo"]
    assert found["env"] == ledger


def test_folders_that_calls_may_attach_files_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set in your shell is not allowed to a host without a word."""
    monkeypatch.setenv("MCP_MODELS_FILES", str(home))
    (home / "a").mkdir()
    monkeypatch.chdir(home)
    run("install", "codex", "echo", "--files", "a", "--files", str(home))
    found = tomllib.loads((home / ".codex" / "config.toml").read_text())["mcp_servers"]["echo"]
    assert found["env"] == {"MCP_MODELS_FILES": f"{home / 'a'}{os.pathsep}{home}"}
    done = run("install", "codex", "echo", "--files", "nowhere")
    assert (done.exit_code, "nowhere is not a folder" in done.stderr) == (2, True)
    run("install", "gemini", "echo")
    assert "MCP_MODELS_FILES" not in (home / ".gemini" / "settings.json").read_text()


@pytest.mark.parametrize("address", ["postgresql://me:secret@127.0.0.1/db", "postgresql://me@127.0.0.1/db?password=secret"])
def test_a_ledgers_password_does_not_go_into_a_file(address: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", address)
    done = run("install", "codex", "echo")
    assert done.exit_code == 2
    assert "put it into ~/.pgpass" in done.stderr
    assert not (home / ".codex").exists()


def test_settings_for_the_servers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_TIMEOUT", "900")
    run("install", "gemini", "openai", "--env", "OPENAI_BASE_URL=http://localhost:8000/v1")
    fields = json.loads((home / ".gemini" / "settings.json").read_text())["mcpServers"]["openai"]
    assert fields["timeout"] == 960_000
    assert fields["env"] == {
        "OPENAI_API_KEY": "$OPENAI_API_KEY",
        "MCP_MODELS_TIMEOUT": "900",
        "OPENAI_BASE_URL": "http://localhost:8000/v1",
    }


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("install",), "claude-desktop"),
        (("install", "nope"), "claude-desktop"),
        (("install", "cursor", "nope"), "No provider 'nope'; there are anthropic"),
        (("install", "cursor", "echo", "--env", "OPENAI_API_KEY=x"), "keys set"),
        (("install", "cursor", "echo", "--env", "nothing"), "NAME=VALUE"),
        (("install", "claude-desktop", "echo", "--project"), "no file for a project"),
        (("uninstall", "cursor", "nope"), "No provider"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], hint: str, home: Path) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert hint in done.stderr
    assert list(home.iterdir()) == []


def test_a_timeout_that_is_none_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_TIMEOUT", "soon")
    done = run("install", "cursor", "echo")
    assert done.exit_code == 2
    assert "MCP_MODELS_TIMEOUT" in done.stderr


def test_to_uninstall_what_is_not_there_is_no_error(home: Path) -> None:
    done = run("uninstall", "cursor")
    assert done.exit_code == 0
    assert "none" in done.stderr
    assert list(home.iterdir()) == []


def test_what_the_host_does_not_read_is_told(home: Path) -> None:
    path = home / ".gemini" / "settings.json"
    path.parent.mkdir()
    path.write_bytes(b'\xef\xbb\xbf{"a": 1,}')
    assert "does not read a file with a byte order mark and trailing commas" in run("install", "gemini", "echo").stderr


def test_a_file_that_cannot_be_written_is_told(home: Path) -> None:
    (home / ".cursor").write_text("no folder")
    done = run("install", "cursor", "echo")
    assert done.exit_code == 1
    assert "is left as it is" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("host", "in_shell", "record", "hint"),
    [
        ("codex", "", None, "has no key yet"),
        ("codex", KEY, None, "only where Codex is started with it"),
        ("copilot", KEY, None, "may not pass your OPENAI_API_KEY on"),
        ("claude-desktop", KEY, None, "may not pass your OPENAI_API_KEY on"),
        ("codex", "", {"variable": "OPENAI_API_KEY", "key": KEY}, None),
        ("claude-code", "", {"variable": "OPENAI_API_KEY", "keychain": True}, None),
    ],
)
def test_what_a_person_is_told_of_the_key(
    host: str, in_shell: str, record: Any, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", in_shell)
    note = key_note(HOSTS[host], "openai", record)
    assert (note is None) if hint is None else note and hint in note


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a keychain needs no variable")
def test_codex_keeps_the_keychain_from_a_server() -> None:
    note = key_note(HOSTS["codex"], "openai", {"variable": "OPENAI_API_KEY", "keychain": True})
    assert note is not None
    assert "without --keychain" in note


def test_help_lists_every_command_and_gives_examples() -> None:
    assert {"complete", "install", "keys", "serve", "uninstall"} <= set(run("--help").stdout.split())
    for command in ("install", "uninstall", "serve", "keys"):
        assert run(command, "--help").exit_code == 0


def test_a_command_is_imported_when_it_is_run() -> None:
    code = (
        "import sys; sys.argv = ['mcp-models', 'complete', 'echo', 'hi']\n"
        "from mcp_models.client.commands import main\n"
        "try: main()\n"
        "finally: print(*(name for name in sys.modules if 'hosts' in name or 'install' in name or name == 'yaml'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["hi"]
