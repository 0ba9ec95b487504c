"""The user's folders are the same as those of platformdirs."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from mcp_models.servers.core.user_folders import settings_folder, state_folder, this_system, user_folders


def test_on_this_system(home: Path) -> None:
    assert settings_folder() == platformdirs.user_config_dir("mcp-models", appauthor=False)
    assert state_folder() == platformdirs.user_state_dir("mcp-models", appauthor=False)


@pytest.mark.skipif(this_system() == "windows", reason="the variables are those of Unix")
@pytest.mark.parametrize("value", ["/elsewhere/config", "", "  "])
def test_where_a_variable_moves_them(value: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    monkeypatch.setenv("XDG_STATE_HOME", value)
    folders = user_folders("linux")
    assert folders["local"] == Unix().user_config_dir
    assert folders["state"] == Unix().user_state_dir


@pytest.mark.skipif(this_system() == "windows", reason="the home is that of Unix")
def test_on_macos(home: Path) -> None:
    folders = user_folders("macos")
    assert folders["local"] == MacOS().user_config_dir
    assert folders["state"] == MacOS().user_state_dir


def test_on_windows() -> None:
    env = {"APPDATA": r"C:\Users\u\AppData\Roaming", "LOCALAPPDATA": r"C:\Users\u\AppData\Local"}
    folders = user_folders("windows", env, r"C:\Users\u")
    assert (folders["config"], folders["local"], folders["home"]) == (env["APPDATA"], env["LOCALAPPDATA"], r"C:\Users\u")
