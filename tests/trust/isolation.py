"""Run something in an environment of its own: a private home, no keys and no settings of yours, and loopback only."""

from __future__ import annotations

import os
import runpy
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

LOOPBACK_ONLY = Path(__file__).parent.parent / "loopback_only"
_KEPT = ("PATH", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "PYTHON_COVERAGE", "COVERAGE_PROCESS_CONFIG")


def private_environment(home: Path, **variables: str) -> dict[str, str]:
    """Return an environment with this home folder and these variables, and of your own only what a program needs."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PYTHONPATH": str(LOOPBACK_ONLY),
        "MCP_MODELS_MAX_RETRIES": "0",
        **variables,
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Make these the only environment variables of this process."""
    with mock.patch.dict(os.environ, variables, clear=True):
        yield


@contextmanager
def private_home() -> Iterator[Path]:
    """Use an empty folder as the home of this process, and refuse connections that leave this machine."""
    runpy.run_path(str(LOOPBACK_ONLY / "sitecustomize.py"))
    with tempfile.TemporaryDirectory() as folder, environment(private_environment(Path(folder))):
        yield Path(folder)
