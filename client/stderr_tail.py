"""Keep the last lines of a server\'s stderr, to quote them in errors. Show them all while MCP_MODELS_LOG is set."""

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
    """Read a stream in a thread, so that the server never has to wait for it.

    Args:
        stream: The server's stderr.
        name: The name of the thread.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._is_shown = bool(os.environ.get(LOG_VARIABLE))
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return the last lines, with secrets removed."""
        return "\n".join(list(self._lines))

    def join(self, timeout: float) -> None:
        """Wait for the end of the stream, `timeout` seconds at most."""
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
