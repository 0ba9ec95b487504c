"""Owns the real `codex` program for the tests: installed once from npm, at the version and hashes of the lock file beside."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.checkout import network_environment

FOLDER = Path(__file__).parent
INSTALL_SECONDS = 300


def codex() -> Path:
    """npm's launcher of codex, installed on first use into the user's cache."""
    lock_file = (FOLDER / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-models-tests"
    cache.mkdir(parents=True, exist_ok=True)
    installed = cache / f"codex-{hashlib.sha256(lock_file).hexdigest()[:12]}"
    with FileLock(f"{installed}.lock", timeout=INSTALL_SECONDS):
        if not installed.exists():
            _install(installed)
    return installed / "node_modules" / ".bin" / "codex"


def _install(folder: Path) -> None:
    """Installs into a folder that appears only when it is whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as outer:
        unfinished = Path(outer) / "codex"
        unfinished.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, unfinished)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=unfinished, env=network_environment(), capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"codex could not be installed, which the tests need npm for: {done.stderr[-2000:]}")
        unfinished.rename(folder)
