"""Ask a server process many calls at once, and see it killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from typing import Any, Self

from tests.checkout import ROOT

LIMIT = 64 * 1024


class Caller:
    """A server process and the one that asks it.

    Args:
        env: The server's environment.
    """

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any] | None]] = {}

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "tests.money.priced_server"]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=self._env, cwd=ROOT, limit=LIMIT
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 30)
        await self._reader

    async def ask(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Return the `_meta` of the answer, or None if the process was killed before it answered."""
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        params = {"name": "complete", "arguments": arguments}
        line = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}) + "\n"
        if self._reader.done():
            return None
        assert self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line.encode())
        return await asyncio.wait_for(answer, 120)

    def kill(self) -> None:
        """Kill the process, as the system does when memory runs out."""
        os.kill(self._process.pid, signal.SIGKILL)

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            self._waiting.pop(message["id"]).set_result(message["result"]["_meta"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)
