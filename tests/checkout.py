"""Copy this checkout for tests that build, install or set up things, so that the real one is never touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", ".env", "__pycache__", "build", "*.egg-info", ".*_cache", "uv.lock")


def copy_checkout(folder: Path) -> Path:
    """Copy the files in the repository to a folder and return it."""
    return Path(shutil.copytree(ROOT, folder / "mcp-models", ignore=_NOT_COPIED))


def build_wheel(folder: Path, **variables: str) -> Path:
    """Build the wheel of this checkout in a folder, without an isolated environment, and return it."""
    checkout = copy_checkout(folder)
    options = ["--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder)]
    subprocess.run([str(BIN / "uv"), "build", *options, str(checkout)], check=True, env=network_environment(**variables))
    return next(folder.glob("*.whl"))


def network_environment(**extra: str) -> dict[str, str]:
    """Return an environment without the tests' network guard, for programs that install packages."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "CI")}
    return {**environment, **extra}


def unmeasured_environment() -> dict[str, str]:
    """Return the environment for a program whose imports are looked at: coverage would add its own."""
    return {name: value for name, value in os.environ.items() if name not in ("COVERAGE_PROCESS_CONFIG", "PYTHON_COVERAGE")}
