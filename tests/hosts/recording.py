"""Keep the lines between a host and our server, and read from them what the two agreed on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDER = Path(__file__).parent / "recorder.py"


def recording_interpreter(folder: Path, command: str = f'"{sys.executable}" "$@"') -> tuple[Path, Path]:
    """Make a program that runs Python and keeps the lines that pass. Return it and the file of lines.

    Args:
        folder: Where to put both.
        command: What to run instead of Python, in the shell's words.
    """
    log, program = folder / "lines.log", folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{RECORDER}" "{log}" {command}\n', encoding="utf-8")
    program.chmod(0o755)
    return program, log


def protocol(log: Path) -> str:
    """Return the protocol version of the last handshake, or of the last request of the modern era."""
    found = ""
    for direction, _, message in _lines(log):
        if direction == "<":
            found = (message.get("result") or {}).get("protocolVersion", found)
        else:
            meta = (message.get("params") or {}).get("_meta") or {}
            found = meta.get("io.modelcontextprotocol/protocolVersion", found)
    return found


def answered(log: Path, text: str) -> float:
    """Return when a result with this text passed, on the clock of `time.monotonic`.

    Raises:
        AssertionError: None has.
    """
    return _passed(log, "content", text)


def listed(log: Path, tool: str) -> float:
    """Return when a list of tools with this one passed, on the clock of `time.monotonic`.

    Raises:
        AssertionError: None has.
    """
    return _passed(log, "tools", f'"{tool}"')


def _passed(log: Path, field: str, text: str) -> float:
    for direction, moment, message in _lines(log):
        if direction == "<" and text in json.dumps((message.get("result") or {}).get(field)):
            return moment
    raise AssertionError(f"no {field} with {text!r} passed between host and server")


def _lines(log: Path) -> Iterator[tuple[str, float, dict[str, Any]]]:
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        direction, moment, text = line.split(" ", 2)
        yield direction, float(moment), json.loads(text)
