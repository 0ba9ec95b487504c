"""Install the real `codex` program from npm for the tests, once, with the version and hashes in the lock file here."""

from __future__ import annotations

from pathlib import Path

from tests.installed import npm_packages


def codex() -> Path:
    """Return npm's launcher of codex. It is installed in the user's cache on first use."""
    return npm_packages("codex", Path(__file__).parent) / "node_modules" / ".bin" / "codex"
