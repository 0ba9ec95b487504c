"""Keep the last lines of a server's stderr, for the errors that end it; show them all while MCP_MODELS_LOG is set."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque

from mcp_models.servers.core.redaction import redact
from mcp_models.servers.core.settings import LOG_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MAX_LINES = 20
MAX_LINE_BYTES = 2000
_CHUNK = 1 << 16


class StderrTail:
    """Reads a stream in a thread of its own, so that a server never waits for it.

    Args:
        stream: The server's stderr.
        name: What to call the thread.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._is_shown = bool(os.environ.get(LOG_VARIABLE))
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return the last lines, secrets removed."""
        return "\n".join(list(self._lines))

    def join(self, timeout: float) -> None:
        """Wait for the last words, `timeout` seconds at the most."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _read(self) -> None:
        with self._stream:
            partial = b""
            while chunk := self._stream.read(_CHUNK):
                *lines, partial = (partial + chunk).split(b"\n")
                partial = partial[-MAX_LINE_BYTES:]
                self._keep(lines)
            if partial:
                self._keep([partial])

    def _keep(self, lines: list[bytes]) -> None:
        kept = [_readable(line) for line in (lines if self._is_shown else lines[-MAX_LINES:])]
        self._lines.extend(kept)
        if self._is_shown and sys.stderr is not None:
            sys.stderr.write("".join(f"{line}\n" for line in kept))


def _readable(line: bytes) -> str:
    return redact(line[-MAX_LINE_BYTES:].decode("utf-8", "replace").rstrip("\r"))
