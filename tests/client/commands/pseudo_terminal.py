"""Run `mcp-models` in a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def run_in_terminal(*words: str, stdin: bytes = b"") -> tuple[int, str]:
    """Run a command whose standard output and error are a terminal. Return its exit code and what the terminal got.

    Args:
        words: The arguments of `mcp-models`.
        stdin: What is typed, in a pipe.
    """
    main, side = pty.openpty()
    command = [sys.executable, "-P", "-m", "mcp_models.client.commands", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=side, stderr=side) as process:
        os.close(side)
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        shown = b""
        while chunk := _read(main):
            shown += chunk
        code = process.wait(60)
    os.close(main)
    return code, shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side is closed
        return b""
