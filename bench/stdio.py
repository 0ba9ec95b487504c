"""Owns what is measured of a server by its lines alone: cold start, round trips, memory, CPU, large payloads."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.peers import Peer

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def line(message: object) -> bytes:
    """A message as it goes over the wire."""
    return json.dumps(message).encode() + b"\n"


def request(number: int, prompt: str = "Hello there.") -> bytes:
    """A call of the tool."""
    params = {"name": "complete", "arguments": {"prompt": prompt}}
    return line({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


class Server:
    """A server process that has answered `initialize`.

    Attributes:
        seconds: From its start to that answer.
    """

    def __init__(self, peer: Peer, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        started = time.perf_counter()
        self.process = subprocess.Popen(
            peer.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **peer.env, **variables},
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.ask(line(INITIALIZE))
        self.seconds = time.perf_counter() - started
        self.stdin.write(line(INITIALIZED))
        self.stdin.flush()

    def ask(self, data: bytes) -> bytes:
        """Sends a line and returns the next one."""
        self.stdin.write(data)
        self.stdin.flush()
        answer = self.stdout.readline()
        assert b'"result"' in answer, answer[:500]
        return answer

    def memory(self) -> float:
        """Its resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> float:
        """Ends it and returns the seconds of CPU that it took."""
        self.stdin.close()
        self.stdout.close()
        _, _, used = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return used.ru_utime + used.ru_stime


@contextmanager
def started(peer: Peer, **variables: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(peer, **variables)
    try:
        yield server
    finally:
        server.end()


def handshakes(peers: list[Peer], runs: int) -> dict[str, list[float]]:
    """Milliseconds from the spawn to the answer, with compiled bytecode and without: medians, the peers in turn."""
    warm: dict[str, list[float]] = {peer.name: [] for peer in peers}
    cold: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(runs + 1):
        for peer in peers:
            with started(peer) as server:
                warm[peer.name] += [server.seconds] if number else []  # the first run compiles
            if number % 3 == 1:
                with tempfile.TemporaryDirectory() as empty, started(peer, PYTHONPYCACHEPREFIX=empty) as server:
                    cold[peer.name].append(server.seconds)
    return {name: [statistics.median(warm[name]) * 1000, statistics.median(cold[name]) * 1000] for name in warm}


def round_trip(peer: Peer, calls: int, **variables: str) -> float:
    """Microseconds of one call after the other: the median."""
    with started(peer, **variables) as server:
        server.ask(request(1))
        times = []
        for number in range(calls):
            data = request(number + 2)
            begun = time.perf_counter()
            server.ask(data)
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def steps(calls: int) -> dict[str, float]:
    """Microseconds of each step of one call after the other: medians, and of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "steps.json"
        peer = Peer("stamped", [sys.executable, "-P", str(Path(__file__).parent / "servers" / "stamped.py")])
        whole = round_trip(peer, calls, BENCH_STEPS=str(found))
        return {"whole": whole, **json.loads(found.read_text())}


def throughput(peer: Peer, in_flight: int, calls: int) -> float:
    """Calls a second with so many in flight."""
    with started(peer) as server:
        server.ask(request(1))
        begun = time.perf_counter()
        flow(server, in_flight, calls)
        return calls / (time.perf_counter() - begun)


def flow(server: Server, in_flight: int, calls: int) -> None:
    """Makes so many calls, so many at once; every answer must come."""
    slots = threading.Semaphore(in_flight)

    def write() -> None:
        for number in range(calls):
            slots.acquire()
            server.stdin.write(request(number + 2))
            server.stdin.flush()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    for _ in range(calls):
        seen.add(json.loads(server.stdout.readline())["id"])
        slots.release()
    writer.join()
    assert len(seen) == calls


def idle_memory(peer: Peer) -> float:
    """MiB after the handshake."""
    with started(peer) as server:
        return server.memory()


def eight(commands: list[Peer]) -> tuple[float, float]:
    """MiB of all of them together, and the seconds of CPU to start and end them."""
    servers = [Server(peer) for peer in commands]
    memory = sum(server.memory() for server in servers)
    return memory, sum(server.end() for server in servers)


def payload(peer: Peer, megabytes: int) -> float:
    """Seconds for a prompt of so many megabytes to come back."""
    with started(peer) as server:
        server.ask(request(1))
        data = request(2, "x" * (megabytes * 1_000_000))
        begun = time.perf_counter()
        writer = threading.Thread(target=lambda: (server.stdin.write(data), server.stdin.flush()))
        writer.start()
        answer = server.stdout.readline()
        writer.join()
        assert len(answer) > megabytes * 1_000_000
        return time.perf_counter() - begun


def growth(peer: Peer, first: int, last: int) -> tuple[float, float]:
    """MiB after the first calls and after the last."""
    with started(peer) as server:
        flow(server, 64, first)
        before = server.memory()
        flow(server, 64, last - first)
        return before, server.memory()
