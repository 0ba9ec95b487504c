"""Fake a provider that fails by a schedule, as strict as the tests' other fakes, in one event loop on loopback."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Self

from tests.fakes.endpoint import Reply, Request
from tests.fakes.loop_server import LoopServer, read_request
from tests.fakes.provider import FakeProvider
from tests.orchestration.schedule import Fate, Schedule

LONGEST = 60.0
_STATUS = {"rate_limit": 429, "overloaded": 503, "error": 500, "invalid": 400}


class FaultyProvider(LoopServer):
    """A fake provider that does with each call what the schedule says. The call's number stands in its prompt.

    Args:
        rules: The fake whose form and whose checks it has.
        schedule: What happens to each call.

    Attributes:
        asked: How often each call was asked.
        answered: When the last byte of each answer was written.
        stopped: When the client of a call hung up before its end.
        wrong: What the rules had to object to.
    """

    def __init__(self, rules: FakeProvider, schedule: Schedule) -> None:
        super().__init__()
        self.name, self._rules, self._schedule = rules.provider, rules, schedule
        self.asked: Counter[int] = Counter()
        self.answered: dict[int, float] = {}
        self.stopped: dict[int, float] = {}
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        with self._rules:  # closes the port that it listens on
            pass
        super().__enter__()
        self._rules.url = self.url
        return self

    def environment(self) -> dict[str, str]:
        """Return environment variables that lead a model here."""
        return self._rules.environment()

    def text(self, number: int) -> str:
        """Return the answer to a call."""
        return f"{self.name} answers call {number}."

    def forget(self) -> None:
        """Forget all calls."""
        for record in (self.asked, self.answered, self.stopped):
            record.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do with each request what the schedule says, until one ends the connection."""
        while True:
            request = await read_request(reader)
            if (refusal := self._rules.check(request)) is not None:
                self.wrong.append(refusal.body.decode())
                writer.write(_raw(refusal))
            elif not await self._answer(request, reader, writer):
                return

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do with a request what the schedule says, and return whether the connection stays open."""
        number = int(re.findall(r"call (\d+)", self._rules.seen(request).turns[-1][1])[-1])
        self.asked[number] += 1
        fate = self._schedule.fate(self.name, number)
        if await _hangs_up(reader, LONGEST if fate.kind == "hang" else fate.seconds):
            self.stopped[number] = time.monotonic()
            return False
        return self._written(fate, number, request, writer)

    def _written(self, fate: Fate, number: int, request: Request, writer: asyncio.StreamWriter) -> bool:
        if fate.kind in _STATUS:
            writer.write(_raw(self._rules.error(_STATUS[fate.kind], "This was on the schedule.")))
            return True
        if fate.kind == "answer":
            reply = self._rules.text(request, *re.findall(r"\S+\s*", self.text(number)))
            writer.write(_raw(reply))
            self.answered[number] = time.monotonic()
            return True
        if fate.kind == "cut":
            writer.write(_raw(Reply(chunks=self._rules.half(), content_type=self._rules.text(request).content_type), cut=True))
        return False


async def _hangs_up(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait, and return whether the client has hung up meanwhile. It sends nothing else before the answer."""
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _raw(reply: Reply, cut: bool = False) -> bytes:
    chunks: Iterable[bytes] = [reply.body] if reply.chunks is None else reply.chunks
    head = f"HTTP/1.1 {reply.status} Fake\r\ncontent-type: {reply.content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    return head.encode() + body + (b"" if cut else b"0\r\n\r\n")
