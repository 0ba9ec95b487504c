"""Run pytest with the plugin for tapes, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SECONDS = 200


def run_pytest(folder: Path, *words: str, **variables: str) -> str:
    """Run the tests of a folder, and return all that pytest says.

    The plugin is named by its entry point, as loading those of all packages takes longer than the tests.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "mcp_models_tapes", "-p", "no:cacheprovider", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "MCP_MODELS_LEDGER": "off", **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    return done.stdout + done.stderr
