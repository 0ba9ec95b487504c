"""Measure a server by its lines alone: cold start, round trips, memory, CPU, large payloads."""

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
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
PROMPT = "Hello there."

HANG_SECONDS = 300
"""A server that takes longer for all that is asked of it hangs."""

WARM_SECONDS = 1.0
"""How long a server is asked before it is measured: a just-in-time compiler needs thousands of calls."""

Cores = tuple[int, int] | None
"""Where this process and the server run; None leaves it to the system."""

PLACES: dict[str, Cores] = {"as the system places them": None, "on two cores": (0, 1), "on one core": (0, 0)}


def line(message: object) -> bytes:
    """Return a message as it goes over the wire."""
    return json.dumps(message).encode() + b"\n"


def request(number: int, prompt: str = PROMPT) -> bytes:
    """Return a call of the tool."""
    params = {"name": "complete", "arguments": {"prompt": prompt}}
    return line({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


def environment() -> dict[str, str]:
    """That of a user: with compiled bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Server:
    """A server process that has answered `initialize`.

    Args:
        peer: What to start.
        core: The core it runs on; None leaves it to the system.
        variables: For its environment.

    Attributes:
        began: When it was started.
        seconds: From then to that answer.
    """

    def __init__(self, peer: Peer, core: int | None = None, **variables: str) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            peer.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment(), **peer.env, **variables},
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        self._watchdog = threading.Timer(HANG_SECONDS, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.ask(line(INITIALIZE))
        self.seconds = time.perf_counter() - self.began
        self.stdin.write(line(INITIALIZED))
        self.stdin.flush()

    def ask(self, data: bytes) -> bytes:
        """Send a line and return the next one."""
        self.stdin.write(data)
        self.stdin.flush()
        return checked(self.stdout.readline())

    def warm(self) -> None:
        """Ask it for a while."""
        until = time.perf_counter() + WARM_SECONDS
        number = 1
        while time.perf_counter() < until or number < 5:
            number += 1
            self.ask(request(number))

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> float:
        """End it and return the seconds of CPU that it took."""
        self.stdin.close()
        self.stdout.close()
        _, _, used = os.wait4(self.process.pid, 0)
        self._watchdog.cancel()
        self.process.returncode = 0
        return used.ru_utime + used.ru_stime


def checked(answer: bytes) -> bytes:
    """Return an answer, if it is one: an error is no result of a measurement."""
    assert b'"result"' in answer, answer[:500]
    assert b'"isError":true' not in answer, answer[:500]
    assert b'"isError": true' not in answer, answer[:500]
    return answer


@contextmanager
def started(peer: Peer, core: int | None = None, **variables: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(peer, core, **variables)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def placed(peer: Peer, cores: Cores, **variables: str) -> Iterator[Server]:
    """As `started`, both processes where they are to run."""
    if cores is None:
        with started(peer, None, **variables) as server:
            yield server
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cores[0]})
        with started(peer, cores[1], **variables) as server:
            yield server
    finally:
        os.sched_setaffinity(0, before)


def handshakes(peers: list[Peer], runs: int) -> dict[str, list[float]]:
    """Milliseconds from the spawn to `initialize` answered, to `tools/list` answered, and to `initialize` without bytecode.

    Medians, the peers in turn.
    """
    warm: dict[str, list[float]] = {peer.name: [] for peer in peers}
    listed: dict[str, list[float]] = {peer.name: [] for peer in peers}
    cold: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(runs + 1):
        for peer in peers:
            with started(peer) as server:
                server.ask(line(LIST_TOOLS))
                if number:  # the first run compiles
                    warm[peer.name].append(server.seconds)
                    listed[peer.name].append(time.perf_counter() - server.began)
            if number % 3 == 1:
                with tempfile.TemporaryDirectory() as empty, started(peer, PYTHONPYCACHEPREFIX=empty) as server:
                    cold[peer.name].append(server.seconds)
    return {name: [statistics.median(times[name]) * 1000 for times in (warm, listed, cold)] for name in warm}


def round_trip(peer: Peer, calls: int, cores: Cores = None, **variables: str) -> float:
    """Microseconds of one call after the other: the median."""
    with placed(peer, cores, **variables) as server:
        server.warm()
        times = []
        for number in range(calls):
            data = request(number + 1)
            begun = time.perf_counter()
            server.ask(data)
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def steps(calls: int) -> dict[str, float]:
    """Microseconds of each step of one call after the other, on two cores: medians, and of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "steps.json"
        peer = Peer("stamped", [sys.executable, "-P", str(Path(__file__).parent / "servers" / "stamped.py")])
        whole = round_trip(peer, calls, PLACES["on two cores"], BENCH_STEPS=str(found))
        return {"whole": whole, **json.loads(found.read_text())}


def throughput(peer: Peer, in_flight: int, seconds: float) -> float:
    """Return the calls a second with so many in flight, measured for about so many seconds."""
    with started(peer) as server:
        server.warm()
        rate = flow(server, in_flight, 1000)
        return flow(server, in_flight, max(1000, int(rate * seconds)))


def flow(server: Server, in_flight: int, calls: int) -> float:
    """Make so many calls, so many at once, each of which must be answered, and return how many a second."""
    slots = threading.Semaphore(in_flight)

    def write() -> None:
        for number in range(calls):
            slots.acquire()
            server.stdin.write(request(number + 2))
            server.stdin.flush()

    writer = threading.Thread(target=write)
    begun = time.perf_counter()
    writer.start()
    seen = set()
    for _ in range(calls):
        answer = json.loads(server.stdout.readline())
        assert answer["result"]["content"][0]["text"] == PROMPT, answer
        seen.add(answer["id"])
        slots.release()
    writer.join()
    assert len(seen) == calls
    return calls / (time.perf_counter() - begun)


def memory(peer: Peer) -> dict[str, float]:
    """MiB after the handshake, after `tools/list`, and after a first call."""
    with started(peer) as server:
        idle = server.memory()
        server.ask(line(LIST_TOOLS))
        listed = server.memory()
        server.ask(request(2))
        return {"idle": idle, "listed": listed, "called": server.memory()}


def eight(commands: list[Peer]) -> tuple[float, float]:
    """MiB of all of them together, and the seconds of CPU to start and end them."""
    servers = [Server(peer) for peer in commands]
    memory = sum(server.memory() for server in servers)
    return memory, sum(server.end() for server in servers)


def payload(peer: Peer, megabytes: int) -> float:
    """Return seconds for a prompt of so many megabytes to come back."""
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
