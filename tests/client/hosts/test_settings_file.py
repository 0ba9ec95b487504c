"""A host's file is replaced in one step, through links and with its owner, and can be restored."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mcp_models.client.hosts import baseline
from mcp_models.client.hosts.entry import entry
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.client.hosts.settings_file import SettingsFile
from mcp_models.client.hosts.table import HOSTS

HOST = HOSTS["cursor"]
ENTRIES = {"openai": entry(HOST, "openai", (), 600, {})}
MORE = {"echo": entry(HOST, "echo", (), 600, {})}


def install(path: Path, entries: dict[str, dict[str, object]] = ENTRIES) -> None:
    file = SettingsFile(HOST, str(path))
    file.apply(file.with_servers(entries), 0o600)


def uninstall(path: Path, *names: str) -> None:
    file = SettingsFile(HOST, str(path))
    file.apply(file.without_servers(names or ("openai",)), None)


def test_a_file_that_was_not_there_is_gone_again_with_its_folders(home: Path) -> None:
    path = home / ".cursor" / "deep" / "mcp.json"
    install(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    install(path, MORE)
    uninstall(path, "openai", "echo")
    assert not (home / ".cursor").exists()


def test_a_folder_that_was_there_stays(home: Path) -> None:
    (home / ".cursor").mkdir()
    install(home / ".cursor" / "mcp.json")
    uninstall(home / ".cursor" / "mcp.json")
    assert list((home / ".cursor").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions and links")
def test_a_link_stays_a_link_and_permissions_stay(home: Path) -> None:
    real, link = home / "dotfiles" / "mcp.json", home / "mcp.json"
    real.parent.mkdir()
    real.write_text('{"mcpServers": {}}')
    real.chmod(0o640)
    link.symlink_to(real)
    install(link)
    assert link.is_symlink()
    assert "openai" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    uninstall(link)
    assert (link.is_symlink(), real.read_text()) == (True, '{"mcpServers": {}}')
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["mcp.json"]


def test_what_others_write_meanwhile_stays(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text('{\n  "a": 1\n}\n')
    install(path)
    path.write_text(path.read_text().replace('"a": 1', '"a": 2, /* new */ "b": []'))
    uninstall(path)
    assert path.read_text() == '{\n  "a": 2, /* new */ "b": []\n}\n'


def test_another_install_after_others_wrote_does_not_bring_the_old_file_back(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text('{"a": 1}')
    install(path)
    path.write_text(path.read_text().replace('"a": 1', '"a": 2'))
    install(path, MORE)
    uninstall(path, "openai", "echo")
    assert path.read_text() == '{"a": 2}'


def test_one_of_two_is_removed_and_then_the_other(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text("{}")
    install(path, {**ENTRIES, **MORE})
    uninstall(path)
    assert SettingsFile(HOST, str(path)).ours() == ["echo"]
    uninstall(path, "echo")
    assert path.read_text() == "{}"


def test_without_what_was_remembered_an_empty_section_stays(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text('{"a": 1}')
    install(path)
    baseline.forget(os.path.realpath(path))
    uninstall(path)
    assert SettingsFile(HOST, str(path)).servers() == {}
    assert path.read_text().startswith('{"a": 1')


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_the_copy_is_the_users_alone_and_goes_with_the_last_entry(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text('{"mcpServers": {"x": {"env": {"A_KEY": "sk-somebody-elses"}}}}')
    install(path)
    copy = Path(baseline.copy_path(os.path.realpath(path)))
    assert copy.read_bytes() == b'{"mcpServers": {"x": {"env": {"A_KEY": "sk-somebody-elses"}}}}'
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    uninstall(path)
    assert list(copy.parent.iterdir()) == []


def test_a_file_that_changes_in_that_moment_is_left(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text("{}")
    file = SettingsFile(HOST, str(path))
    change = file.with_servers(ENTRIES)
    path.write_text('{"a": 1}')
    with pytest.raises(Unreadable, match="run the command again"):
        file.apply(change, None)
    assert path.read_text() == '{"a": 1}'


def test_a_write_that_fails_leaves_the_file_and_nothing_beside_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "mcp.json"
    path.write_text("{}")
    file = SettingsFile(HOST, str(path))
    change = file.with_servers(ENTRIES)
    replace = os.replace

    def full(source: str, target: str) -> None:
        if target == file.path:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        file.apply(change, None)
    assert path.read_text() == "{}"
    assert [entry.name for entry in home.iterdir() if entry.is_file()] == ["mcp.json"]


@pytest.mark.parametrize("data", [b"\xff\xfe{\x00}\x00", b'{"a": "\xe4"}'])
def test_what_is_not_utf_8_is_refused(home: Path, data: bytes) -> None:
    (home / "mcp.json").write_bytes(data)
    with pytest.raises(Unreadable, match="UTF-8"):
        SettingsFile(HOST, str(home / "mcp.json"))


def test_a_folder_in_the_place_of_the_file_is_refused(home: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        SettingsFile(HOST, str(home))


def test_a_diff_shows_no_key_that_stands_near(home: Path) -> None:
    path = home / "mcp.json"
    path.write_text(
        '{"mcpServers": {\n  "x": {"env": {"MY_API_KEY": "abcdefgh1", "Authorization": "Bearer abcdefgh2"},'
        ' "t": "sk-abcdefgh3"}\n}}'
    )
    diff = SettingsFile(HOST, str(path)).with_servers(ENTRIES).diff()
    assert '+  "openai": {' in diff
    assert "abcdefgh" not in diff
