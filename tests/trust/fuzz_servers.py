"""Check the claim that a server answers each request exactly once, whatever the lines are."""

from __future__ import annotations

import itertools
import json
import os
import queue
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from tests.fakes import FAKES
from tests.peer import Peer, request
from tests.trust.fuzz_lines import LINES, Batch, batches
from tests.trust.fuzz_oracle import Oracle
from tests.trust.outcome import Outcome

BATCH = 40
MAX_MB = 200
EXAMPLES = 200
"""How many examples a run of hypothesis has. It keeps a tree of all of them, so many short runs need less memory."""

SECONDS = 15.0

LARGE = {"deadline": None, "database": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
"""Settings for many examples at high speed. Failures are counted and shown, not made smaller."""


class FuzzedServer:
    """A server process that gets lines, and the account of what it owes.

    Args:
        provider: The provider's name.
        peer: The server.
    """

    def __init__(self, provider: str, peer: Peer) -> None:
        self.provider, self.peer, self.oracle = provider, peer, Oracle()
        self._numbers = itertools.count(1)
        self.lines = 0

    def feed(self, batch: Batch) -> list[str]:
        """Send lines, wait for all that is owed, and return what went wrong."""
        number = 0
        for template in batch:
            number = next(self._numbers)
            line = template.replace(b"@ID@", b"%d" % number).replace(b"@PREVIOUS@", b"%d" % (number - 1))
            self._send(line)
        self._send(json.dumps(request(f"end {number}", "ping")).encode())
        self.lines += len(batch) + 1
        try:
            while not self.oracle.done:
                line_or_end = self.peer._lines.get(timeout=SECONDS)
                if line_or_end is None:
                    return [f"the server died: {self.peer.stderr[-500:]!r}", *self._taken()]
                self.oracle.received(line_or_end)
        except queue.Empty:
            owed = f"{dict(self.oracle.owed)} and {self.oracle.errors} errors"
            self.oracle.owed.clear()
            self.oracle.errors = 0
            return [f"no answer for {SECONDS:g} s to {owed}, in {batch!r}", *self._taken()]
        return self._taken()

    def peak_mb(self) -> int:
        """Return the most memory that the server has had, in MB."""
        status = Path(f"/proc/{self.peer.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024

    def _send(self, line: bytes) -> None:
        self.oracle.sent(line)
        self.peer.send(line)

    def _taken(self) -> list[str]:
        wrong, self.oracle.wrong = self.oracle.wrong, []
        return wrong


@contextmanager
def fuzzed(provider: str) -> Iterator[FuzzedServer]:
    """Start a provider's server, with a fake that answers its calls."""
    fakes = {fake.provider: fake for fake in reversed(FAKES)}
    with ExitStack() as stack:
        variables = dict(os.environ)
        if provider in fakes:
            fake = stack.enter_context(fakes[provider]())
            fake.requests = _Forgetful()
            variables |= {**fake.environment(), "MODEL_DEFAULT": fake.model}
        yield FuzzedServer(provider, stack.enter_context(Peer(provider, env=variables, cwd="/")))


def check_server(provider: str, lines: int) -> Outcome:
    """Send this many lines to a server."""
    outcome = Outcome(f"{provider}'s server answers each request once, whatever the lines are")
    with fuzzed(provider) as server:

        @settings(max_examples=min(EXAMPLES, -(-lines // BATCH)), **LARGE)  # type: ignore[arg-type]
        @given(batches(LINES, BATCH))
        def feed(batch: Batch) -> None:
            if outcome.figures.get("deaths"):
                return
            for wrong in server.feed(batch):
                outcome.fail(wrong)
                outcome.count("deaths", wrong.startswith("the server died"))

        while server.lines < lines and not outcome.failures:
            feed()
        outcome.figures["lines"] = server.lines
        if os.path.exists("/proc"):
            outcome.figures["peak memory"] = f"{server.peak_mb()} MB"
            if server.peak_mb() >= MAX_MB:
                outcome.fail(f"{server.peak_mb()} MB of memory")
        server.peer.close_stdin()
        if (code := server.peer.exit_code()) != 0:
            outcome.fail(f"exit code {code}: {server.peer.stderr[-500:]!r}")
    return outcome


class _Forgetful(list):  # type: ignore[type-arg]
    """A list that keeps nothing: the requests of so many calls would fill the memory."""

    def append(self, item: object) -> None:
        pass
