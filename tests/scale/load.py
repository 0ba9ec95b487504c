"""Ask through nginx, as a client of the modern era does, and say of each call what the client has seen."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.peer import call
from tests.servers.streamable_http.serving import ACCEPT, era_headers

CALL_SECONDS = 10.0
PATIENCE_SECONDS = 2.0


@dataclass
class Seen:
    """What the client has seen.

    Attributes:
        answered: The provider's id of each answer, by the number of the call.
        refused: The numbers of the calls that the budget did not allow.
        failed: What went wrong, by the number of the call. The client has seen it.
        seconds: How long each answered call took.
    """

    answered: dict[int, str] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


class Load:
    """Many calls at once.

    Args:
        url: The address of nginx.
        token: The caller's token.
        trust: What is needed to trust nginx.
        in_flight: How many calls are in flight.
    """

    def __init__(self, url: str, token: str, trust: ssl.SSLContext, in_flight: int) -> None:
        self._token, self._in_flight, self.seen = token, in_flight, Seen()
        limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
        self._client = httpx2.AsyncClient(base_url=url, verify=trust, trust_env=False, timeout=60, limits=limits)

    async def ask(self, calls: int, until: asyncio.Event) -> int:
        """Make calls, and return how many. Every second one asks for progress, so that its answer is a stream of events.

        Args:
            calls: How many to make at least.
            until: Go on until this is set.
        """
        made = 0

        async def work() -> None:
            nonlocal made
            while made < calls or not until.is_set():
                number, made = made, made + 1
                await self._settle(number, time.monotonic())

        async with self._client:
            await asyncio.gather(*(work() for _ in range(self._in_flight)))
        return made

    async def _settle(self, number: int, began: float) -> None:
        """Make a call, again if the budget says that it will fit soon, and note what became of it."""
        while True:
            try:
                meta = await self._once(number)
            except (httpx2.HTTPError, ValueError) as failure:
                self.seen.failed[number] = f"{type(failure).__name__}: {failure}"
                return
            error = meta.get("mcp-models/error")
            if error is None:
                self.seen.answered[number] = meta["mcp-models/completion"]["request_id"]
                self.seen.seconds.append(time.monotonic() - began)
                return
            if error["type"] != "billing":
                self.seen.failed[number] = error["message"]
                return
            if not error["retryable"] or time.monotonic() - began > PATIENCE_SECONDS:
                self.seen.refused.add(number)
                return
            await asyncio.sleep(0.1)

    async def _once(self, number: int) -> dict[str, Any]:
        """Return the `_meta` of the result.

        Raises:
            httpx2.HTTPError: There was no whole answer.
            ValueError: It has no result.
        """
        progress = {"progressToken": number} if number % 2 else {}
        arguments = {"prompt": f"Call {number}.", "max_tokens": 100, "timeout": CALL_SECONDS}
        message = call(number, arguments, modern=True, **progress)
        headers = {name: value for name, value in era_headers(message).items() if value is not None}
        headers |= {"accept": ACCEPT, "authorization": f"Bearer {self._token}", "host": "models.example.com"}
        async with self._client.stream("POST", "/google_ai_studio/mcp", json=message, headers=headers) as response:
            async for found in _messages(response):
                if found.get("id") == number and "result" in found:
                    meta: dict[str, Any] = found["result"]["_meta"]
                    return meta
            raise ValueError(f"no result, status {response.status_code}")


async def _messages(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the messages of an answer, whether it is JSON or a stream of events."""
    if response.headers.get("content-type") != "text/event-stream":
        await response.aread()
        if "json" not in response.headers.get("content-type", ""):
            raise ValueError(f"status {response.status_code} from nginx")
        yield json.loads(response.text)
        return
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
