"""Record a suite of 200 tests, each with one call of a model, and time how long it takes on its tapes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

CALLS = 200

_TESTS = f"""
import os
import pytest

def make():
    assert "NO_MODEL" not in os.environ, "a replay makes no model"
    from mcp_models.client import DirectModel
    class Echo(DirectModel):
        provider_name = "echo"
    return Echo()

@pytest.mark.parametrize("number", range({CALLS}))
def test_call(tape, number):
    assert tape(make).call(f"question {{number}}")["output"] == f"question {{number}}"
"""


def check_suite(folder: Path) -> tuple[float, list[str]]:
    """Return the seconds that the suite takes on its tapes, with pytest's own start, and what went wrong."""
    (folder / "test_calls.py").write_text(_TESTS, encoding="utf-8")
    _, recorded = _run(folder, "--tape=record")
    seconds, replayed = _run(folder, NO_MODEL="1")
    failures = [said for said in (recorded, replayed) if f"{CALLS} passed" not in said]
    return seconds, failures


def _run(folder: Path, *options: str, **variables: str) -> tuple[float, str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "mcp_models_tapes",
        "-p",
        "no:cacheprovider",
        *options,
        "test_calls.py",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "MCP_MODELS_LEDGER": "off", **variables}
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    return time.monotonic() - started, done.stdout[-2000:] + done.stderr[-2000:]
