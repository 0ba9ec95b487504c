"""Run all rounds and print what was measured: `python -m tests.tapes [hosts|suite|start]…`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.tapes.hosts_round import check_host, programs
from tests.tapes.start_round import measure
from tests.tapes.suite_round import CALLS, check_suite


def main(names: list[str]) -> int:
    """Run the rounds with these names, or all, and return the exit code."""
    os.environ["MCP_MODELS_LEDGER"] = "off"
    failures = []
    for name, go in _ROUNDS.items():
        if not names or name in names:
            failures += go()
    for failure in failures:
        print(failure, file=sys.stderr)
    return int(bool(failures))


def _hosts() -> list[str]:
    print("| host | version | requests | lines from the tape, byte for byte | with the server | with the tape |")
    print("|---|---|---|---|---|---|")
    failures = []
    for program in programs():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            one = check_host(program, Path(folder))
        failures += [f"{one.host}: {failure}" for failure in one.failures]
        seconds = f"{one.recorded_seconds:.1f} s | {one.replayed_seconds:.1f} s"
        print(f"| {one.host} | {one.version} | {one.requests} | {one.lines} | {seconds} |", flush=True)
    return failures


def _suite() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        seconds, failures = check_suite(Path(folder))
    print(f"\n{CALLS} tests with a call each, on tape, pytest's start included: {seconds:.2f} s")
    return failures if seconds < 2 else [*failures, f"the suite took {seconds:.2f} s"]


def _start() -> list[str]:
    print("\n| the echo server | start to handshake | round trip |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, times in measure(Path(folder)).items():
            print(f"| {name} | {times.start:.0f} ms | {times.round_trip:.2f} ms |")
    return []


_ROUNDS: dict[str, Callable[[], list[str]]] = {"hosts": _hosts, "suite": _suite, "start": _start}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
