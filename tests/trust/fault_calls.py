"""Check the claim that each call through a broken network gets a right answer or a typed error, in time and at few requests."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

from mcp_models.servers.core.errors import ERROR_TYPES
from tests.fakes.provider import FakeProvider
from tests.peer import Peer, call
from tests.trust.fault_injection import BAD, GOOD, FaultyWire
from tests.trust.outcome import Outcome
from tests.trust.scene import MODELS

TIMEOUT = 3.0
GRACE = 4.0
"""How many seconds after its deadline a call may end, on a busy machine."""

RETRIES = 2
AT_ONCE = 100
MAX_MB = 200


def check_faults(fake_class: type[FakeProvider], calls: int, seed: int = 0, timeout: float = TIMEOUT) -> Outcome:
    """Make this many calls to a provider, each with other faults. Every fault occurs, alone and before others."""
    outcome = Outcome(
        f"{fake_class.__name__} behind faults: each call a right answer or a typed error, in time, with few requests"
    )
    chance = random.Random(seed)
    with fake_class() as fake:
        wire = FaultyWire(fake)
        variables = {**os.environ, **fake.environment(), "MCP_MODELS_MAX_RETRIES": str(RETRIES)}
        with Peer(fake.provider, env=variables) as server:
            server.ask(call("warm", {"prompt": "x", "model": fake.model}), seconds=60)  # imports the SDK
            _drive(server, fake, [_plan(number, chance) for number in range(calls)], timeout, outcome)
            if Path("/proc").exists():
                status = Path(f"/proc/{server.process.pid}/status").read_text()
                peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024
                outcome.figures["peak memory"] = f"{peak} MB"
                if peak >= MAX_MB:
                    outcome.fail(f"{peak} MB of memory")
        for number, requests in wire.requests.items():
            if requests > 1 + RETRIES:
                outcome.fail(f"call {number} made {requests} requests")
        for number in wire.late:
            outcome.fail(f"call {number} made a request after its answer")
        outcome.figures |= {"requests": wire.requests.total(), "faults injected": sum(wire.faults[name] for name in BAD)}
    return outcome


def _plan(number: int, chance: random.Random) -> list[str]:
    names = [*BAD, *GOOD]
    if number < len(names):
        return [names[number]]
    tries = [chance.choice(list(BAD)) for _ in range(chance.randint(0, 2))]
    return [*tries, chance.choice(names)]


def _drive(server: Peer, fake: FakeProvider, plans: list[list[str]], timeout: float, outcome: Outcome) -> None:
    """Make the calls, many at once, and check each result when it arrives."""
    started: dict[int, float] = {}
    waiting = list(enumerate(plans, 1))[::-1]
    while waiting or started:
        while waiting and len(started) < AT_ONCE:
            number, plan = waiting.pop()
            started[number] = time.monotonic()
            prompt = f"call {number}: {', '.join(plan)}."
            server.send(call(number, {"prompt": prompt, "model": fake.model, "timeout": timeout}))
        response = server.read(timeout + 2 * GRACE)
        number = response["id"]
        seconds = time.monotonic() - started.pop(number)
        if seconds > timeout + GRACE:
            outcome.fail(f"call {number} {plans[number - 1]} took {seconds:.1f} s")
        _check(number, plans[number - 1], response["result"], outcome)
        outcome.count("calls")


def _check(number: int, plan: list[str], result: dict[str, Any], outcome: Outcome) -> None:
    text = result["content"][0]["text"]
    if not result["isError"]:
        outcome.count("right answers")
        if text != f"It is {number}.":
            outcome.fail(f"call {number} {plan} answered {text!r}")
        return
    outcome.count("typed errors")
    kind = result["_meta"]["mcp-models/error"]["type"]
    if kind not in ERROR_TYPES or kind == "internal":
        outcome.fail(f"call {number} {plan} failed with {kind}: {text}")
    if len(plan) == 1 and plan[0] in GOOD:
        outcome.fail(f"call {number} {plan} should have been answered: {kind}: {text}")


def check_unreachable(fake_class: type[FakeProvider]) -> Outcome:
    """Call a provider whose name cannot be resolved, and one that answers TLS with garbage."""
    outcome = Outcome(f"{fake_class.__name__} without DNS or with garbage for TLS: a typed error in time")
    with GarbageTLS() as garbage:
        for address, resolves in (("https://provider.invalid", False), (f"https://127.0.0.1:{garbage.port}", True)):
            fake = fake_class()
            variables = {name: value.replace(fake.url, address) for name, value in fake.environment().items()}
            with fake, mock.patch.dict(os.environ, {**variables, "MCP_MODELS_MAX_RETRIES": str(RETRIES)}):
                _call_unreachable(fake, resolves, outcome)
        if garbage.connections > 1 + RETRIES:
            outcome.fail(f"{garbage.connections} connections for one call")
    return outcome


def _call_unreachable(fake: FakeProvider, resolves: bool, outcome: Outcome) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    started = time.monotonic()
    patched = mock.patch.object(socket, "getaddrinfo", socket.getaddrinfo if resolves else fail)
    with patched, MODELS[fake.provider][0](fake.model) as model:
        result = model.call("x", timeout=TIMEOUT)
    outcome.count("calls")
    if result["output"] is not None or result["error_type"] not in ("connection", "timeout"):
        outcome.fail(f"{'TLS' if resolves else 'DNS'}: {result}")
    if time.monotonic() - started > TIMEOUT + GRACE:
        outcome.fail(f"{time.monotonic() - started:.1f} s")


class GarbageTLS:
    """A port that answers every TLS handshake with garbage.

    Attributes:
        port: The port.
        connections: How many connections there were.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.connections = 0

    def __enter__(self) -> GarbageTLS:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with wire:
                wire.recv(4096)
                wire.sendall(b"\x16\x03\x03\x00\x20" + os.urandom(32))
