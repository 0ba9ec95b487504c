"""Record a real host with our server, then run it against the tape alone, and compare what it got, byte for byte."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from mcp_models.client.tapes.tape_file import read_tape
from tests.hosts.program import Program
from tests.hosts.programs import PROGRAMS
from tests.hosts.recording import recording_interpreter
from tests.hosts.visit import visit

HOSTS = ("Inspector's CLI", "Codex", "Claude Code")

_TAPE = f'"{sys.executable}" -P -m mcp_models.client.commands tape'


@dataclass(frozen=True)
class Round:
    """What came of one host.

    Attributes:
        host: Its title.
        version: What it says of its version.
        requests: How many requests it sent when it was recorded.
        lines: How many lines it got from the tape.
        recorded_seconds: How long it took to come as far as it should, with the server.
        replayed_seconds: The same, with the tape.
        failures: What differed.
    """

    host: str
    version: str
    requests: int
    lines: int
    recorded_seconds: float
    replayed_seconds: float
    failures: list[str]


def programs() -> list[Program]:
    """Return the hosts that can be run on this machine."""
    return [program for program in PROGRAMS if program.title in HOSTS and program.runs_here]


def check_host(program: Program, folder: Path) -> Round:
    """Record a host and play its tape back to it.

    Raises:
        AssertionError: It did not come as far as it should.
    """
    homes = [folder / name for name in ("recorded", "replayed")]
    for home in homes:
        home.mkdir()
    tape = folder / "host.jsonl"
    first, log = recording_interpreter(homes[0], f'{_TAPE} record "{tape}" -- "{sys.executable}" "$@"')
    recorded = visit(program, homes[0], interpreter=(first, log))
    second, log_of_replay = recording_interpreter(homes[1], f'{_TAPE} replay "{tape}"')
    replayed = visit(program, homes[1], interpreter=(second, log_of_replay))
    given, got = answers(log), answers(log_of_replay)
    failures = [
        f"{question}: got {lines}, not {given.get(question)}" for question, lines in got.items() if lines != given.get(question)
    ]
    if not read_tape(tape).exits:
        failures.append("the tape does not say how the server ended")
    if b"tools/call" not in log_of_replay.read_bytes():
        failures.append("the host did not call the tool")
    return Round(
        program.title,
        recorded.version,
        sum(map(len, given.values())),
        sum(len(line) for lines in got.values() for line in lines),
        recorded.seconds,
        replayed.seconds,
        failures,
    )


def answers(log: Path) -> dict[str, list[list[bytes]]]:
    """Return for each question of a host all lines that it got for it, each time that it asked, as they passed.

    The id and the progress token, which the host chooses anew each time, are left out.
    """
    found: dict[str, list[list[bytes]]] = {}
    by_id: dict[str, list[bytes]] = {}
    by_token: dict[str, list[bytes]] = {}
    for line in log.read_bytes().splitlines():
        direction, _, raw = line.split(b" ", 2)
        message = json.loads(raw)
        if direction == b">" and "id" in message:
            params = message.get("params") or {}
            lines: list[bytes] = []
            found.setdefault(_question(message["method"], params), []).append(lines)
            by_id[json.dumps(message["id"])] = lines
            by_token[json.dumps((params.get("_meta") or {}).get("progressToken"))] = lines
        elif direction == b"<":
            token = json.dumps((message.get("params") or {}).get("progressToken"))
            lines = by_id[json.dumps(message["id"])] if "id" in message else by_token[token]
            lines.append(re.sub(rb'"(id|progressToken)":("[^"]*"|\d+)', rb'"\1":_', raw, count=1))
    return found


def _question(method: str, params: dict[str, object]) -> str:
    kept = {name: value for name, value in params.items() if name in ("protocolVersion", "name", "arguments", "cursor")}
    return f"{method} {json.dumps(kept, sort_keys=True)}"
