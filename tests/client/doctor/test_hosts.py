"""`mcp-models doctor` looks at the hosts, too: each broken set-up is named with its cure."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client import key_store
from mcp_models.client.doctor.host_checks import check_host, is_here
from mcp_models.client.doctor.host_environment import environment_of
from mcp_models.client.hosts.table import HOSTS
from tests.client.commands.run import invoke

KEY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the hosts that the developer has installed."""
    monkeypatch.setenv("PATH", os.pathsep.join(("/usr/bin", "/bin")))


def problem(host: str, *providers: str) -> tuple[str, str, str]:
    """Return the check, the words and the cure of the one problem that there is in a host."""
    found = list(check_host(HOSTS[host], list(providers)))
    assert KEY not in repr(found)
    broken = [finding for finding in found if finding.mark == "problem"]
    assert len(broken) == 1, found
    assert broken[0].cure
    return broken[0].check, broken[0].said, broken[0].cure


def install(host: str, *providers: str) -> Path:
    assert invoke("install", host, *providers).exit_code == 0
    return Path(HOSTS[host].user_files()[0])


def edit(path: Path, section: str, name: str, **fields: Any) -> None:
    """Change fields of an entry. None removes one."""
    data = json.loads(path.read_text())
    entry = {**data[section][name], **fields}
    data[section][name] = {key: value for key, value in entry.items() if value is not None}
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("host", HOSTS)
def test_what_install_writes_is_well_in_each_host(host: str) -> None:
    invoke("keys", "set", "openai", stdin=KEY)
    install(host, "openai", "echo")
    found = list(check_host(HOSTS[host], []))
    assert {finding.mark for finding in found} == {"ok"}
    assert [finding.check for finding in found] == ["file", "openai: handshake", "echo: handshake"]


def test_a_report_on_a_host_without_any_key(home: Path) -> None:
    invoke("keys", "set", "openai", stdin=KEY)
    install("cursor", "openai")
    done = invoke("doctor", "echo")
    assert (done.exit_code, KEY in done.output) == (0, False)
    assert "note\tcursor\tfile" in done.stdout
    assert "mcp-models install cursor echo" in done.stdout


def test_hosts_that_are_here(home: Path) -> None:
    assert not is_here(HOSTS["cursor"])
    (home / ".cursor").mkdir()
    assert is_here(HOSTS["cursor"])
    assert not is_here(HOSTS["claude-code"])
    (home / ".claude.json").write_text("{}")
    assert is_here(HOSTS["claude-code"])


@pytest.mark.parametrize(("host", "text"), [("cursor", "{"), ("codex", "[mcp_servers"), ("zed", "[]")])
def test_a_file_that_is_not_valid(host: str, text: str) -> None:
    path = Path(HOSTS[host].user_files()[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    check, said, cure = problem(host)
    assert check == "file"
    assert str(path) in said
    assert "mend the file" in cure


def test_a_file_that_is_a_folder() -> None:
    Path(HOSTS["cursor"].user_files()[0]).mkdir(parents=True)
    assert problem("cursor")[0] == "file"


def test_comments_that_the_host_does_not_read() -> None:
    path = install("claude-code", "echo")
    path.write_text("// mine\n" + path.read_text())
    check, said, cure = problem("claude-code")
    assert (check, cure) == ("file", "remove them")
    assert "does not read a file with comments" in said


def test_a_python_that_is_gone() -> None:
    path = install("cursor", "echo")
    edit(path, "mcpServers", "echo", command="/old/venv/bin/python")
    check, said, cure = problem("cursor")
    assert (check, cure) == ("echo: command", "mcp-models install cursor echo")
    assert "no program /old/venv/bin/python" in said
    invoke("install", "cursor", "echo")
    assert not [finding for finding in check_host(HOSTS["cursor"], []) if finding.mark == "problem"]


def test_a_server_that_ends_before_the_handshake() -> None:
    path = install("cursor", "echo")
    edit(path, "mcpServers", "echo", env={"PYTHONHOME": "/nowhere"})
    check, said, cure = problem("cursor")
    assert (check, cure) == ("echo: handshake", "mcp-models install cursor echo")
    assert "exit" in said


def test_a_server_that_is_switched_off() -> None:
    path = install("opencode", "echo")
    edit(path, "mcp", "echo", enabled=False)
    check, said, cure = problem("opencode")
    assert check == "echo: entry"
    assert "enabled: false" in said
    assert "set enabled to true" in cure


def test_a_server_that_is_disabled() -> None:
    edit(install("kiro", "echo"), "mcpServers", "echo", disabled=True)
    assert "set disabled to false" in problem("kiro")[2]


def test_a_key_in_the_hosts_file() -> None:
    path = install("cursor", "openai")
    edit(path, "mcpServers", "openai", env={"OPENAI_API_KEY": KEY})
    check, said, cure = problem("cursor")
    assert (check, said) == ("openai: key", "OPENAI_API_KEY is written in the file")
    assert "mcp-models keys set openai" in cure


def test_a_time_out_that_is_shorter_than_a_call() -> None:
    path = install("claude-code", "echo")
    edit(path, "mcpServers", "echo", timeout=60_000)
    check, said, cure = problem("claude-code")
    assert check == "echo: time-out"
    assert "after 60 s, but a call may take 600 s" in said
    assert "set timeout to 660000" in cure


def test_a_folder_of_files_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert invoke("install", "claude-code", "echo", "--files", str(tmp_path / "project")).exit_code == 0
    found = {finding.check: finding.said for finding in check_host(HOSTS["claude-code"], [])}
    assert found["echo: files"] == f"calls may attach files below {tmp_path / 'project'}"
    (tmp_path / "project").rmdir()
    check, said, cure = problem("claude-code")
    assert check == "echo: files"
    assert f"{tmp_path / 'project'} is not a folder" in said
    assert cure == "mcp-models install claude-code echo --files DIR"


def test_no_key_at_all() -> None:
    install("cursor", "openai")
    assert problem("cursor") == ("openai: key", "the server gets no key", "mcp-models keys set openai")


def test_a_key_in_the_shell_that_the_host_withholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    install("copilot", "openai")
    check, said, cure = problem("copilot")
    assert (check, cure) == ("openai: key", "mcp-models keys set openai")
    assert "does not pass your OPENAI_API_KEY on" in said


def test_a_key_in_the_shell_that_codex_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = install("codex", "openai")
    assert not [finding for finding in check_host(HOSTS["codex"], []) if finding.mark != "ok"]
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("env_vars")))
    assert problem("codex")[0] == "openai: key"


def test_a_host_of_which_we_do_not_know_it_gets_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    install("cursor", "openai")
    (note,) = [finding for finding in check_host(HOSTS["cursor"], []) if finding.mark == "note"]
    assert "may not pass your OPENAI_API_KEY on" in note.said


@pytest.mark.skipif(sys.platform != "linux", reason="only there do the variables of XDG count")
def test_a_stored_key_that_the_server_looks_for_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("codex", "openai")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "elsewhere"))
    invoke("keys", "set", "openai", stdin=KEY)
    check, said, cure = problem("codex")
    assert check == "openai: key"
    assert str(home / ".config" / "mcp-models" / "keys.json") in said
    assert "mcp-models install codex openai" in cure


@pytest.mark.skipif(sys.platform != "linux", reason="only there does a keychain need a variable")
def test_a_key_in_a_keychain_that_the_server_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    key_store.write({"openai": {"variable": "OPENAI_API_KEY", "keychain": True}})
    install("codex", "openai")
    check, said, cure = problem("codex")
    assert (check, cure) == ("openai: key", "mcp-models keys set openai")
    assert "DBUS_SESSION_BUS_ADDRESS" in said


def test_a_server_without_mcp_models_serve_gets_no_stored_key(home: Path) -> None:
    invoke("keys", "set", "openai", stdin=KEY)
    path = home / ".cursor" / "mcp.json"
    path.parent.mkdir()
    entry = {"command": sys.executable, "args": ["-P", "-m", "mcp_models.servers.openai_mcp_server"]}
    path.write_text(json.dumps({"mcpServers": {"gpt": entry, "other": {"command": "/nowhere"}}}))
    found = {finding.check: finding for finding in check_host(HOSTS["cursor"], [])}
    assert "gets no stored key" in found["gpt: command"].said
    assert found["gpt: key"].mark == "problem"
    assert found["gpt: handshake"].mark == "ok"
    assert not [check for check in found if check.startswith("other")]


def test_what_each_kind_of_host_passes_on() -> None:
    shell = {"PATH": "/bin", "OPENAI_API_KEY": "k", "FOO": "1", "XDG_CONFIG_HOME": "/x"}
    entry = {"env": {"OPENAI_API_KEY": "$OPENAI_API_KEY", "A": "${FOO}", "B": "${NONE}"}}
    assert environment_of(HOSTS["amp"], {}, shell) == shell
    assert environment_of(HOSTS["codex"], {"env_vars": ["FOO"]}, shell) == {"PATH": "/bin", "FOO": "1"}
    seen = environment_of(HOSTS["gemini"], entry, shell)
    assert (seen["OPENAI_API_KEY"], seen["A"], seen["B"]) == ("k", "1", "${NONE}")
    assert "OPENAI_API_KEY" not in environment_of(HOSTS["gemini"], {}, shell)
    assert environment_of(HOSTS["copilot"], entry, shell)["OPENAI_API_KEY"] == "$OPENAI_API_KEY"
