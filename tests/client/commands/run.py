"""Run `mcp-models` as you would on the command line."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from mcp_models.client.commands.group import group


def run(*words: str, stdin: str | bytes = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in its own process, and return its result."""
    command = [sys.executable, "-P", "-m", "mcp_models.client.commands", *words]
    given = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run(command, input=given, capture_output=True, timeout=60, **options)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def invoke(*words: str, stdin: str = "") -> Result:
    """Run a command inside this process, which is ten times as fast."""
    return CliRunner().invoke(group, words, input=stdin, catch_exceptions=False, prog_name="mcp-models")
