"""The table of hosts: every row is complete, and its paths are right for each system."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from mcp_models.client.hosts.entry import MARGIN_SECONDS, entry, is_ours, link, server_command
from mcp_models.client.hosts.host import Format, Host
from mcp_models.client.hosts.table import HOSTS
from tests.client.hosts.host_table import PAGE, written

ISSUE = frozenset(
    {"claude-desktop", "claude-code", "codex", "vscode", "cursor", "devin", "gemini", "antigravity", "copilot", "zed"}
    | {"opencode", "cline", "goose", "kiro", "amp", "lmstudio"}
)
ENDINGS: dict[Format, tuple[str, ...]] = {"json": (".json", ".jsonc"), "toml": (".toml",), "yaml": (".yaml",)}
ROWS = pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))


def test_the_hosts_are_there() -> None:
    assert set(HOSTS) >= ISSUE
    assert len({host.title for host in HOSTS.values()}) == len(HOSTS)


@ROWS
def test_a_row_is_complete(host: Host) -> None:
    assert re.fullmatch(r"[a-z][a-z-]+", host.name)
    assert set(host.paths) == {"linux", "macos", "windows"}
    for templates in host.paths.values():
        for template in templates:
            assert re.match(r"\{(home|config|xdg|local)\}/", template)
            assert template.endswith(ENDINGS[host.format])
    assert host.project_file is None or not host.project_file.startswith(("/", "~", "{"))
    assert host.source.startswith("https://") == (host.evidence != "ran")
    assert datetime.date(2026, 11, 24) <= datetime.date.fromisoformat(host.checked)
    assert host.environment_note
    assert host.reload
    assert (host.environment == "listed") == (host.pass_field is not None)
    assert (host.environment == "not keys") == (host.key_reference is not None)


@ROWS
def test_an_entry_starts_our_server_and_is_known_again(host: Host) -> None:
    fields = entry(host, "openai", ["OPENAI_API_KEY"], 600, {"OPENAI_BASE_URL": "http://localhost:1"})
    command = fields[host.command_field]
    words = command if host.args_field is None else [command, *fields[host.args_field]]
    assert words == server_command("openai")
    assert os.path.isabs(words[0])
    assert fields[host.env_field]["OPENAI_BASE_URL"] == "http://localhost:1"
    assert is_ours(host, "openai", fields)
    assert not is_ours(host, "mistral", fields)
    if host.timeout_field:
        assert fields[host.timeout_field] == (600 + MARGIN_SECONDS) * {"s": 1, "ms": 1000}[host.timeout_unit]
    if host.key_reference:
        assert fields[host.env_field]["OPENAI_API_KEY"] == "$OPENAI_API_KEY"
    if host.pass_field:
        assert fields[host.pass_field] == ["OPENAI_API_KEY"]


@pytest.mark.parametrize(
    ("command", "args", "is_one"),
    [
        ("/usr/bin/mcp-models", ["serve", "openai"], True),
        ("C:\\Python\\Scripts\\mcp-models.exe", ["serve", "openai"], True),
        ("/venv/bin/python", ["-m", "mcp_models.client.commands", "serve", "openai"], True),
        ("/venv/bin/python", ["-m", "something", "serve", "openai"], False),
        ("/usr/bin/mcp-models", ["serve", "openai", "more"], False),
        ("/usr/bin/mcp-models", None, False),
        (None, ["serve", "openai"], False),
    ],
)
def test_what_counts_as_ours(command: object, args: object, is_one: bool) -> None:
    assert is_ours(HOSTS["cursor"], "openai", {"command": command, "args": args}) is is_one


def test_paths_of_windows(tmp_path: Path) -> None:
    env = {"APPDATA": str(tmp_path / "Roaming"), "LOCALAPPDATA": str(tmp_path / "Local")}
    below = "Claude/claude_desktop_config.json"
    store = tmp_path / "Local" / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / below
    store.parent.mkdir(parents=True)
    store.write_text("{}")
    found = HOSTS["claude-desktop"].user_files("windows", env, str(tmp_path))
    assert found == [str(tmp_path / "Roaming" / below), str(store)]
    assert HOSTS["zed"].user_files("windows", env, str(tmp_path)) == [str(tmp_path / "Roaming" / "Zed" / "settings.json")]


def test_paths_of_macos() -> None:
    files = {
        name: HOSTS[name].user_files("macos", {}, "/Users/u")[0] for name in ("claude-desktop", "vscode", "zed", "opencode")
    }
    assert files == {
        "claude-desktop": "/Users/u/Library/Application Support/Claude/claude_desktop_config.json",
        "vscode": "/Users/u/Library/Application Support/Code/User/mcp.json",
        "zed": "/Users/u/.config/zed/settings.json",
        "opencode": "/Users/u/.config/opencode/opencode.json",
    }


@pytest.mark.parametrize(
    ("name", "env", "path"),
    [
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"),
        ("codex", {"CODEX_HOME": "/c"}, "/c/config.toml"),
        ("gemini", {"GEMINI_CLI_HOME": "/c"}, "/c/.gemini/settings.json"),
        ("copilot", {"COPILOT_HOME": "/c"}, "/c/mcp-config.json"),
        ("cline", {"CLINE_MCP_SETTINGS_PATH": "/c/x.json"}, "/c/x.json"),
        ("opencode", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode/opencode.json"),
        ("amp", {"XDG_CONFIG_HOME": "/x"}, "/h/.config/amp/settings.json"),
        ("codex", {"CODEX_HOME": " "}, "/h/.codex/config.toml"),
    ],
)
def test_paths_that_a_variable_moves(name: str, env: dict[str, str], path: str) -> None:
    assert HOSTS[name].user_files("linux", env, "/h") == [path]


def test_of_two_files_the_one_that_exists(home: Path) -> None:
    jsonc = home / ".config" / "opencode" / "opencode.jsonc"
    jsonc.parent.mkdir(parents=True)
    jsonc.write_text("{}")
    assert HOSTS["opencode"].user_files("linux", {}, str(home)) == [str(jsonc)]


@pytest.mark.parametrize("host", [host for host in HOSTS.values() if host.link], ids=lambda host: host.name)
def test_a_link_holds_the_entry(host: Host) -> None:
    import base64
    import json

    fields = entry(host, "openai", ["OPENAI_API_KEY"], 600, {"PLUS": "a+b/ä?&"})
    url = link(host, "openai", "OpenAI", fields)
    assert url is not None
    assert " " not in url
    query = parse_qs(urlsplit(url).query)
    if host.name.startswith("vscode"):
        assert json.loads(unquote(url.partition("?")[2])) == {"name": "openai", **fields}
    elif host.name == "goose":
        assert query["arg"] == ["--from", "mcp-models", "mcp-models", "serve", "openai"]
        assert query["timeout"] == ["660"]
    else:
        text = query["config"][0]
        assert json.loads(text if text.startswith("{") else base64.b64decode(text, validate=True)) == fields
        assert query["name"] == ["openai"]


def test_the_documentation_has_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run `bash run_with_env.sh -m tests.client.hosts.host_table`"
