"""Time a server bare, behind the recorder and from its tape: from its start to the handshake, and a round trip."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.peer import Peer, call

STARTS, TRIPS = 7, 200

_TAPE = [sys.executable, "-P", "-m", "mcp_models.client.commands", "tape"]


class Times(NamedTuple):
    """Medians, in milliseconds."""

    start: float
    round_trip: float


def measure(folder: Path) -> dict[str, Times]:
    """Return the times of the echo server in each of the three ways."""
    server = [sys.executable, "-P", "-m", "mcp_models.servers.echo_mcp_server"]
    tape = str(folder / "tape.jsonl")
    return {
        "bare": _times(server),
        "recorded": _times([*_TAPE, "record", tape, "--", *server]),
        "replayed": _times([*_TAPE, "replay", tape]),
    }


def _times(command: list[str]) -> Times:
    starts, trips = [], []
    for _ in range(STARTS):
        started = time.perf_counter()
        with Peer(*command) as peer:
            peer.initialize()
            starts.append(time.perf_counter() - started)
            for number in range(TRIPS // STARTS):
                started = time.perf_counter()
                peer.ask(call(number + 1, {"prompt": f"question {number}"}))
                trips.append(time.perf_counter() - started)
            peer.close_stdin()
            peer.exit_code()
    return Times(*(statistics.median(times) * 1000 for times in (starts, trips)))
