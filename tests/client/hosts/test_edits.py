"""Every byte of a host's file that is not ours stays as it is, whatever the file looks like."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import json5
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mcp_models.client.hosts import edits
from mcp_models.client.hosts.entry import entry
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.client.hosts.settings_file import SettingsFile
from mcp_models.client.hosts.table import HOSTS
from tests.client.hosts.documents import jsonc_documents, toml_documents, yaml_documents

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

JSON, TOML, YAML = HOSTS["claude-desktop"], HOSTS["codex"], HOSTS["goose"]


def read_json(text: str) -> Any:
    """Parse a text with a JSON reader that is not ours."""
    text = text.removeprefix("\ufeff")
    return json5.loads(text) if json5_has_a_value(text) else None


def json5_has_a_value(text: str) -> bool:
    import re

    return bool(re.sub(r"//[^\r\n]*|/\*.*?\*/|\s", "", text, flags=re.DOTALL))


def read_toml(text: str) -> Any:
    return tomllib.loads(text.removeprefix("\ufeff"))


READERS: dict[str, Callable[[str], Any]] = {"json": read_json, "toml": read_toml, "yaml": yaml.safe_load}

FILES = st.one_of(
    jsonc_documents().map(lambda text: (JSON, text)),
    toml_documents().map(lambda text: (TOML, text)),
    yaml_documents().map(lambda text: (YAML, text)),
)


def ours(host: Host) -> dict[str, dict[str, Any]]:
    return {name: entry(host, name, ["OPENAI_API_KEY"], 600, {"SOME": "setting"}) for name in ("openai", "echo")}


def sections(host: Host, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the servers in a file and everything else in it, as another program reads them."""
    data = dict(READERS[host.format](text) or {})
    servers = data.pop(host.section, None) or {}
    return servers, data


def readable(host: Host, text: str) -> bool:
    try:
        edits.servers(host, text)
        sections(host, text)
    except (ValueError, TypeError, yaml.YAMLError):
        return False
    return True


@pytest.mark.slow
@EXAMPLES
@given(file=FILES, number=st.integers(0, 10**9))
def test_install_and_uninstall_give_the_file_back(tmp_path: Path, file: tuple[Host, str], number: int) -> None:
    host, text = file
    assume(readable(host, text))
    path = tmp_path / f"{number}"
    path.write_bytes(text.encode())
    before = SettingsFile(host, str(path))
    try:
        change = before.with_servers(ours(host))
    except Unreadable:
        assume(False)
    before.apply(change, None)
    installed = path.read_bytes().decode()
    servers, rest = sections(host, text)
    assert sections(host, installed) == ({**servers, **ours(host)}, rest)

    again = SettingsFile(host, str(path)).with_servers(ours(host))
    assert again.after == again.before, "twice is once"

    for name in ("openai", "echo"):
        now = SettingsFile(host, str(path))
        now.apply(now.without_servers([name]), None)
    assert path.read_bytes() == text.encode()


@pytest.mark.slow
@EXAMPLES
@given(file=FILES)
def test_what_is_put_in_is_cut_out_without_the_copy(file: tuple[Host, str]) -> None:
    """Without the copy, because somebody has changed the file since, everything except blanks is as before."""
    host, text = file
    assume(readable(host, text))
    try:
        installed = edits.added(host, text, "openai", ours(host)["openai"])
    except Unreadable:
        assume(False)
    servers, rest = sections(host, text)
    made = not servers and host.section not in (READERS[host.format](text) or {})
    cut = edits.removed(host, installed, ["openai"], drop_section=made)
    if servers or host.format == "toml":
        assert cut.split() == text.split()
    assert sections(host, cut) == (servers, rest)


@pytest.mark.parametrize(
    "text",
    [
        '{"mcpServers": {"a": {}}}',
        '{\n  "mcpServers": {\n    "a": {"command": "x"}\n  }\n}\n',
        '{\n  "mcpServers": {\n    "a": {}, // the first\n  },\n}',
        '{\n  "mcpServers": {\n    "a": {} // the last\n    // and no more\n  }\n}',
        '{\r\n\t"mcpServers": {\r\n\t\t"a": {},\r\n\t},\r\n\t"b": 1,\r\n}\r\n',
        '\ufeff{"b":[],"mcpServers":{"a":{},"c":{}}}',
        '// all mine\n{ /* here */ "mcpServers": /* there */ { "a": 1 /* not */ } }',
        '{"mcpServers": {"a": {\n  "x": 1}},\n"z": {}}',
    ],
)
def test_common_layouts_are_cut_out_to_the_byte(text: str) -> None:
    installed = edits.added(JSON, text, "openai", ours(JSON)["openai"])
    assert edits.removed(JSON, installed, ["openai"], drop_section=False) == text


def test_an_entry_is_laid_out_as_its_neighbours() -> None:
    text = '{\n\t"mcpServers": {\n\t\t"a": {} // mine\n\t}\n}\n'
    assert edits.added(JSON, text, "openai", {"command": "x", "args": ["y"], "env": {"A": "b"}}) == (
        '{\n\t"mcpServers": {\n\t\t"a": {}, // mine\n\t\t"openai": {\n\t\t\t"command": "x",\n\t\t\t"args": ["y"],\n'
        '\t\t\t"env": {\n\t\t\t\t"A": "b"\n\t\t\t}\n\t\t}\n\t}\n}\n'
    )


@pytest.mark.parametrize("host", [JSON, TOML, YAML], ids=lambda host: host.format)
def test_an_entry_keeps_what_a_person_changed_in_it(host: Host) -> None:
    fields = {**ours(host)["openai"], host.command_field: "/an/older/python", "enabled": False}
    text = edits.added(host, "", "openai", fields)
    updated = edits.servers(host, edits.added(host, text, "openai", ours(host)["openai"]))["openai"]
    assert updated == {**ours(host)["openai"], "enabled": False}
    assert edits.servers(host, edits.removed(host, text, ["openai"], drop_section=False)) == {}


@pytest.mark.parametrize(
    ("host", "text", "reason"),
    [
        (JSON, '{"mcpServers": ', "is not JSON"),
        (JSON, "{mcpServers: {}}", "is not JSON"),
        (JSON, '{"a": 1} {"b": 2}', "is not JSON"),
        (JSON, '{"a": NaN}', "no JSON"),
        (JSON, '{"a": "no end}', "is not JSON"),
        (JSON, "/* no end", "is not JSON"),
        (JSON, "[]", "object"),
        (JSON, '"text"', "object"),
        (JSON, '{"mcpServers": []}', "not one object"),
        (JSON, '{"mcpServers": null}', "not one object"),
        (JSON, '{"mcpServers": {}, "mcpServers": {}}', "not one object"),
        (JSON, '{"mcpServers": {"openai": {"command": "x"}, "openai": {}}}', "another server"),
        (JSON, '{"mcpServers": {"openai": {"command": "/bin/other", "args": ["serve", "openai"]}}}', "another server"),
        (JSON, "[" * 100_000, "nested too deeply"),
        (TOML, "mcp_servers = { a = { command = 'x' } }", "TOML"),
        (TOML, "[mcp_servers.openai\n", "TOML"),
        (TOML, "[mcp_servers]\nopenai = { command = 'x' }", "another server"),
        (TOML, "mcp_servers = 1", "not one object"),
        (YAML, "extensions: {a: {}}", "braces"),
        (YAML, "{a: 1}", "braces"),
        (YAML, "extensions: [", "not YAML"),
        (YAML, "- a", "object"),
        (YAML, "a: 1\n---\nb: 2", "not YAML"),
        (YAML, "a: !mine 1", "not YAML"),
        (YAML, "extensions:\n  a: {}\nextensions:\n  b: {}\n", "more than once"),
    ],
)
def test_what_cannot_be_edited_is_refused(host: Host, text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        edits.added(host, text, "openai", ours(host)["openai"])


def test_keys_that_are_there_twice_elsewhere_stay() -> None:
    text = '{"a": 1, "a": {"b": 2, "b": 3}, "mcpServers": {"x": {}}}'
    installed = edits.added(JSON, text, "openai", ours(JSON)["openai"])
    assert installed.startswith('{"a": 1, "a": {"b": 2, "b": 3}, "mcpServers": {"x": {}, ')
    assert edits.removed(JSON, installed, ["openai"], drop_section=False) == text


def test_a_server_that_is_not_ours_is_not_removed() -> None:
    with pytest.raises(Unreadable, match="not ours"):
        edits.removed(JSON, '{"mcpServers": {"openai": {"command": "x"}}}', ["openai"], drop_section=True)


def test_yaml_without_its_package_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Unreadable, match=r"mcp-models\[goose\]"):
        edits.added(YAML, "", "openai", ours(YAML)["openai"])
