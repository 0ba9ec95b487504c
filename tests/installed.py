"""Install programs that only the tests need, once, with the versions and hashes in a lock file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from tests.checkout import network_environment

INSTALL_SECONDS = 300


def npm_packages(name: str, folder: Path) -> Path:
    """Return a folder with the `node_modules` of a package-lock.json. It is installed in the user's cache on first use."""

    def install(target: Path) -> None:
        target.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(folder / file, target)
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=target)

    return _installed(name, folder / "package-lock.json", install)


def python(lock_file: Path) -> Path:
    """Return the Python of an environment with a lock file's packages. It is created in the user's cache on first use."""

    def install(target: Path) -> None:
        _run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(target))
        options = ["--quiet", "--require-hashes", "--python", str(target / "bin" / "python")]
        _run(sys.executable, "-m", "uv", "pip", "install", *options, "-r", str(lock_file))

    return _installed(f"{lock_file.stem}-{sys.implementation.cache_tag}", lock_file, install) / "bin" / "python"


def pinned(package: str, lock_file: Path) -> str:
    """Return the version of a package in a lock file for Python."""
    found = re.search(rf"^{package}==(\S+)", lock_file.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, package
    return found[1]


def _installed(name: str, lock_file: Path, install: Callable[[Path], None]) -> Path:
    """Return a folder for an installation. It appears only once the installation is complete."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-models-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{hashlib.sha256(lock_file.read_bytes()).hexdigest()[:12]}"
    with FileLock(f"{folder}.lock", timeout=INSTALL_SECONDS):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as outer:
                unfinished = Path(outer) / name
                install(unfinished)
                unfinished.rename(folder)
    return folder


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=network_environment(), capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]} could not install what the tests need: {done.stderr[-2000:]}")
