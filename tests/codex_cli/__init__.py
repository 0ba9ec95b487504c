"""Install the real `codex` program for the tests, once, from npm, at the version and hashes of the lock file here."""

from __future__ import annotations

from pathlib import Path

from tests.installed import npm_packages


def codex() -> Path:
    """npm's launcher of codex, installed on first use into the user's cache."""
    return npm_packages("codex", Path(__file__).parent) / "node_modules" / ".bin" / "codex"
