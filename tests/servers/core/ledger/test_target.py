"""MCP_MODELS_LEDGER: where the ledger is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_models.servers.core import redaction
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.store import StoreError
from mcp_models.servers.core.ledger.target import Target, ledger_target

URL = "postgresql://me:a-made-up-password@127.0.0.1/ledger?password=another-made-up"


def test_the_default_is_a_file_in_the_users_state_folder(home: Path) -> None:
    target = ledger_target({})
    assert target == Target(str(home / ".local" / "state" / "mcp-models" / "ledger.sqlite3"), is_postgres=False)
    assert target.pending_folder() == target.place + ".pending"


def test_a_path_may_begin_in_the_home_folder_or_here(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert ledger_target({"MCP_MODELS_LEDGER": "~/l.db"}) == Target(str(home / "l.db"), is_postgres=False)
    assert ledger_target({"MCP_MODELS_LEDGER": " l.db "}) == Target(str(tmp_path / "l.db"), is_postgres=False)


@pytest.mark.parametrize("text", ["off", "OFF ", " Off"])
def test_off(text: str) -> None:
    assert ledger_target({"MCP_MODELS_LEDGER": text}) is None


@pytest.mark.parametrize("text", ["mysql://host/db", "https://example.invalid/ledger"])
def test_other_databases_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected the path of a file, postgresql://…, or off"):
        ledger_target({"MCP_MODELS_LEDGER": text})


def test_the_password_of_a_postgres_is_never_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    target = ledger_target({"MCP_MODELS_LEDGER": URL})
    assert target is not None
    assert "made-up" not in f"{target} {target!r} {redaction.redact(URL)} {target.pending_folder()}"
    assert os.path.dirname(target.pending_folder()) == str(home / ".local" / "state" / "mcp-models")


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    monkeypatch.delitem(__import__("sys").modules, "mcp_models.servers.core.ledger.postgres_store", raising=False)
    with pytest.raises(StoreError, match=r'pip install "mcp-models\[postgres\]"'):
        Target(URL, is_postgres=True).open()
