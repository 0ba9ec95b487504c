"""The private home: it contains the settings that you chose, and nothing is left of it in the end."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path

import pytest

from mcp_models.servers.codex.home import CodexHome, settings


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_settings_are_taken_as_codex_takes_them() -> None:
    text = """
        # a gateway
        model_provider = "gateway"
        a.b={c = 1, d = "x=y"}
        plain=words, not TOML
        number=5
    """
    found = tomllib.loads("\n".join(f"{key} = {value}" for key, value in settings(text).items()))
    assert found == {"model_provider": "gateway", "a": {"b": {"c": 1, "d": "x=y"}}, "plain": "words, not TOML", "number": 5}


def test_the_users_settings_win_over_ours() -> None:
    home = CodexHome({"OPENAI_CODEX_CONFIG": "features.goals=true\nweb_search=live"})
    home.configure([])
    written = tomllib.loads((home.path / "config.toml").read_text())
    assert (written["features"]["goals"], written["features"]["shell_tool"], written["web_search"]) == (True, False, "live")
    home.close()


def test_the_home_of_a_killed_server_goes_and_one_in_use_stays(tmp_path: Path) -> None:
    in_use = CodexHome({})
    abandoned = CodexHome({})
    abandoned._in_use.release()  # the system does this when a process dies
    young = CodexHome({})
    young._in_use.release()
    for home in (in_use, abandoned):
        os.utime(home.path, (0, 0))
    new = CodexHome({})
    assert sorted(tmp_path.glob("mcp-models-codex-*")) == sorted([in_use.path, new.path, young.path])
    young.close()
    in_use.close()
    new.close()
    assert not list(tmp_path.glob("mcp-models-codex-*"))


def test_only_what_codex_needs_reaches_it() -> None:
    keys = {"OPENAI_API_KEY": "k", "CODEX_API_KEY": "k", "OPENAI_BASE_URL": "u", "AWS_SECRET_ACCESS_KEY": "k"}
    home = CodexHome(
        {**keys, "PATH": "/bin", "https_proxy": "http://proxy", "HOME": "/home/me", "CODEX_HOME": "/home/me/.codex"}
    )
    assert home.environment == {
        "PATH": "/bin",
        "https_proxy": "http://proxy",
        **dict.fromkeys(("HOME", "USERPROFILE", "CODEX_HOME"), str(home.path)),
    }
    home.close()
