"""Run Hillstar with our servers in a place where its client finds them, or with our `MCPModel` instead of its client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mcp_models.client
from tests.checkout import ROOT
from tests.installed import pinned, python

LOCK_FILE = Path(__file__).parent / "hillstar.txt"
PROGRAM = Path(__file__).parent / "programs" / "call_sites.py"
SECONDS = 100

WRAPPER = """#!/usr/bin/env bash
# Hillstar names a server beside this file, which need not be there.
exec bash {checkout}/run_with_env.sh "servers/${{1##*/}}"
"""
"""`mcp-server/run_with_env.sh` beside Hillstar's packages, as docs/hillstar.md shows it."""


def version() -> str:
    """Return the version of Hillstar that is run."""
    return pinned("hillstar-orchestrator", LOCK_FILE)


def run(asked: Mapping[str, Any], folder: Path, environment: Mapping[str, str], *, ours: bool) -> dict[str, Any]:
    """Ask through Hillstar's call sites, and return what they got.

    Args:
        asked: The nodes of a workflow, and calls that are made directly.
        folder: An empty folder.
        environment: The variables with the keys and addresses of the providers.
        ours: Whether our `MCPModel` takes the place of Hillstar's client.
    """
    interpreter = python(LOCK_FILE)
    packages = folder / "hillstar"
    (packages / "mcp-server").mkdir(parents=True)
    for package in ("cli.py", "config", "execution", "governance", "models", "utils", "workflows"):
        (installed,) = interpreter.parent.parent.glob(f"lib/python*/site-packages/{package}")
        (packages / package).symlink_to(installed)
    (packages / "mcp-server" / "run_with_env.sh").write_text(WRAPPER.format(checkout=ROOT), encoding="utf-8")
    ours_in_path = str(Path(mcp_models.client.__file__).parents[2])
    done = subprocess.run(
        [str(interpreter), str(PROGRAM), str(packages), *([sys.executable] if ours else [])],
        input=json.dumps(asked),
        env={
            **environment,
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "loopback_only"), ours_in_path]),
            "MCP_MODELS_LEDGER": "off",
            "MCP_MODELS_MAX_RETRIES": "0",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"Hillstar ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
