"""Record a suite of 200 tests, each with one call of a model, and time how long it takes on its tapes."""

from __future__ import annotations

import time
from pathlib import Path

from tests.client.tapes.nested_pytest import run_pytest

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
    recorded = run_pytest(folder, "--tape=record", "test_calls.py")
    started = time.monotonic()
    replayed = run_pytest(folder, "test_calls.py", NO_MODEL="1")
    seconds = time.monotonic() - started
    failures = [said[-2000:] for said in (recorded, replayed) if f"{CALLS} passed" not in said]
    return seconds, failures
