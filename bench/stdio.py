"""Measure a server from outside, by its lines: cold start, round trips, memory, CPU and large payloads."""

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
"""When to kill a server, in seconds. One that takes longer than this for everything must be hanging."""

WARM_SECONDS = 1.0
"""How long to call a server before measuring it, in seconds. A just-in-time compiler needs thousands of calls."""

Cores = tuple[int, int] | None
"""The cores that this process and the server run on. None leaves that to the system."""

PLACES: dict[str, Cores] = {"as the system places them": None, "on two cores": (0, 1), "on one core": (0, 0)}


def line(message: object) -> bytes:
    """Return a message as bytes for the wire."""
    return json.dumps(message).encode() + b"\n"


def request(number: int, prompt: str = PROMPT) -> bytes:
    """Return a call of the tool."""
    params = {"name": "complete", "arguments": {"prompt": prompt}}
    return line({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


def environment() -> dict[str, str]:
    """Return the environment as a user has it, with compiled bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Server:
    """A server process that has answered `initialize`.

    Args:
        peer: The program to start.
        core: The core it runs on. None leaves that to the system.
        variables: Further variables for its environment.

    Attributes:
        began: When it was started.
        seconds: How long it took from the start to that answer.
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
        """Call the server for a while."""
        until = time.perf_counter() + WARM_SECONDS
        number = 1
        while time.perf_counter() < until or number < 5:
            number += 1
            self.ask(request(number))

    def memory(self) -> float:
        """Return the server's resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> float:
        """End the server, and return the seconds of CPU that it used."""
        self.stdin.close()
        self.stdout.close()
        _, _, used = os.wait4(self.process.pid, 0)
        self._watchdog.cancel()
        self.process.returncode = 0
        return used.ru_utime + used.ru_stime


def checked(answer: bytes) -> bytes:
    """Return an answer after checking that it is not an error, as measuring errors would be pointless."""
    assert b'"result"' in answer, answer[:500]
    assert b'"isError":true' not in answer, answer[:500]
    assert b'"isError": true' not in answer, answer[:500]
    return answer


@contextmanager
def started(peer: Peer, core: int | None = None, **variables: str) -> Iterator[Server]:
    """Run a server during a block."""
    server = Server(peer, core, **variables)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def placed(peer: Peer, cores: Cores, **variables: str) -> Iterator[Server]:
    """Run a server as `started` does, with both processes on the given cores."""
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
    """Return medians in milliseconds from the spawn to the answers of `initialize` and `tools/list`.

    The third number is for `initialize` without compiled bytecode. The peers take turns.
    """
    warm: dict[str, list[float]] = {peer.name: [] for peer in peers}
    listed: dict[str, list[float]] = {peer.name: [] for peer in peers}
    cold: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(runs + 1):
        for peer in peers:
            with started(peer) as server:
                server.ask(line(LIST_TOOLS))
                if number:  # the first run compiles the bytecode
                    warm[peer.name].append(server.seconds)
                    listed[peer.name].append(time.perf_counter() - server.began)
            if number % 3 == 1:
                with tempfile.TemporaryDirectory() as empty, started(peer, PYTHONPYCACHEPREFIX=empty) as server:
                    cold[peer.name].append(server.seconds)
    return {name: [statistics.median(times[name]) * 1000 for times in (warm, listed, cold)] for name in warm}


def round_trip(peer: Peer, calls: int, cores: Cores = None, **variables: str) -> float:
    """Return the median in microseconds of calls that are made one after the other."""
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
    """Return medians in microseconds for each step of a call, and for the whole call. Both processes have a core each."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "steps.json"
        peer = Peer("stamped", [sys.executable, "-P", str(Path(__file__).parent / "servers" / "stamped.py")])
        whole = round_trip(peer, calls, PLACES["on two cores"], BENCH_STEPS=str(found))
        return {"whole": whole, **json.loads(found.read_text())}


def throughput(peer: Peer, in_flight: int, seconds: float) -> float:
    """Return calls per second with this many in flight, measured for about this many seconds."""
    with started(peer) as server:
        server.warm()
        rate = flow(server, in_flight, 1000)
        return flow(server, in_flight, max(1000, int(rate * seconds)))


def flow(server: Server, in_flight: int, calls: int) -> float:
    """Make calls, several at once, check that each one is answered, and return the calls per second."""
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
    """Return the memory in MiB after the handshake, after `tools/list`, and after a first call."""
    with started(peer) as server:
        idle = server.memory()
        server.ask(line(LIST_TOOLS))
        listed = server.memory()
        server.ask(request(2))
        return {"idle": idle, "listed": listed, "called": server.memory()}


def eight(commands: list[Peer]) -> tuple[float, float]:
    """Return the memory of all servers together in MiB, and the seconds of CPU to start and end them."""
    servers = [Server(peer) for peer in commands]
    memory = sum(server.memory() for server in servers)
    return memory, sum(server.end() for server in servers)


def payload(peer: Peer, megabytes: int) -> float:
    """Return the seconds until a prompt of this many megabytes has come back."""
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
    """Return the memory in MiB after the first calls, and after the last."""
    with started(peer) as server:
        flow(server, 64, first)
        before = server.memory()
        flow(server, 64, last - first)
        return before, server.memory()
