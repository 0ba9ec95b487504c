"""Make tapes for the tests, line by line, and play them back in this process."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Self

from mcp_models.client.tapes.exchange import exchanges
from mcp_models.client.tapes.recordings import Recordings
from mcp_models.client.tapes.replay import ReplayServer
from mcp_models.client.tapes.schedule import Schedule
from mcp_models.client.tapes.tape_file import TapeWriter, read_tape


def write(path: Path, *lines: tuple[str, float, dict[str, Any] | bytes]) -> Path:
    """Write a session to a tape: who said it, after how many seconds, and what."""
    tape = TapeWriter(path, {"command": ["a-server"]})
    for source, seconds, message in lines:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert source in ("client", "server")
        tape.write("client" if source == "client" else "server", raw, tape.started + seconds)
    tape.end(0)
    tape.close()
    return path


def ask(number: Any, prompt: str, **meta: Any) -> dict[str, Any]:
    """Return a call of `complete`."""
    params: dict[str, Any] = {"name": "complete", "arguments": {"prompt": prompt}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {**params, "_meta": meta} if meta else params}


def answer(number: Any, text: str) -> dict[str, Any]:
    """Return the answer to a call."""
    return {"jsonrpc": "2.0", "id": number, "result": {"content": [{"type": "text", "text": text}], "isError": False}}


def progress(token: Any, value: float) -> dict[str, Any]:
    """Return a notification of progress."""
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": value}}


class Played:
    """A tape that is played back in this process, at once unless a speed is given."""

    def __init__(self, path: Path, speed: float = 0.0, *, repeat: bool = False) -> None:
        reading, self._target = os.pipe()
        self._pipe = os.fdopen(reading, "rb")
        self.said: list[str] = []
        self._schedule = Schedule(self._target, speed)
        self.server = ReplayServer(Recordings(exchanges(read_tape(path)), repeat), self._schedule, self.said.append)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pipe.close()
        os.close(self._target)

    def send(self, message: dict[str, Any] | bytes) -> None:
        """Send a line to the tape's server."""
        self.server.receive(message if isinstance(message, bytes) else json.dumps(message).encode())

    def line(self) -> bytes:
        """Return the next line that the tape's server writes."""
        return self._pipe.readline()

    def read(self) -> dict[str, Any]:
        """Return the next line as a message."""
        message: dict[str, Any] = json.loads(self.line())
        return message

    def rest(self) -> list[dict[str, Any]]:
        """End the client's input, and return all further messages."""
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.extend(self._pipe))
        reader.start()
        self.server.finish()
        os.close(self._target)
        reader.join(20)
        self._target = os.open(os.devnull, os.O_RDWR)
        return [json.loads(line) for line in lines]
