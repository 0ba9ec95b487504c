"""Run `mcp-models batch` as a program, look at its output, and kill it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_rows(path: Path, count: int) -> None:
    """Write an input of different prompts."""
    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"id": f"r{number}", "prompt": f"Say number {number}.", "topic": number % 7}) + "\n")


def start(words: Iterable[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the program."""
    command = [sys.executable, "-m", "mcp_models.client.commands", "batch", *words]
    return subprocess.Popen(command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program at once."""
    process.kill()
    process.wait()
    assert process.stderr
    process.stderr.close()


def peak_memory(process: subprocess.Popen[bytes], seconds: float) -> tuple[int, str]:
    """Wait for a program to end, and return the most memory that it had in MB (Linux only), and its stderr.

    Args:
        process: The program.
        seconds: How long to wait.
    """
    assert process.stderr
    status, peak, deadline = Path(f"/proc/{process.pid}/status"), 0, time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.05)
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with process.stderr:
        return peak, process.stderr.read().decode()


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of an output."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [json.loads(line) for line in file if line.endswith(b"\n")]
