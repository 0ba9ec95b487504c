"""Read a request's body and send its answer, as JSON or as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.streamable_http.refusal import Headers, Refusal
from mcp_models.servers.streamable_http.request_headers import EVENTS, JSON, RequestHeaders

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

BODY_SECONDS = 30.0
"""How long a request's body may take to arrive."""

PING = b": ping\n\n"


class Exchange:
    """One HTTP request and its response.

    Args:
        scope: ASGI's description of the request.
        receive: Returns the next event of the request.
        send: Sends an event of the response.

    Attributes:
        status: The status that was sent. None if there was none.
        has_begun: Whether a stream of events has begun.
    """

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = RequestHeaders(scope["headers"])
        self.status: int | None = None
        self.has_begun = False
        self._receive, self._send = receive, send

    async def body(self, limit: int) -> bytes:
        """Return the body.

        Args:
            limit: The most bytes to accept.

        Raises:
            Refusal: It is longer (413), or does not come (408).
        """
        length = self.headers.get("content-length") or "0"
        if length.isdecimal() and int(length[:20]) > limit:
            raise _too_large(limit)
        chunks, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    event = await self._receive()
                    if event["type"] == "http.disconnect":
                        raise Refusal(400, "the body ended too early")
                    chunks.append(event.get("body", b""))
                    size += len(chunks[-1])
                    if size > limit:
                        raise _too_large(limit)
                    if not event.get("more_body"):
                        return b"".join(chunks)
        except TimeoutError:
            raise Refusal(408, f"the body did not come within {BODY_SECONDS:g} s", headers=[("connection", "close")]) from None

    async def reply(self, status: int, message: dict[str, Any] | None = None, headers: Headers | None = None) -> None:
        """Send the whole response.

        Args:
            status: The HTTP status.
            message: The body, as JSON. None means no body.
            headers: Further headers.
        """
        body = b"" if message is None else json_codec.encode(message)
        kind = [("content-type", JSON)] if message is not None else []
        await self._start(status, [*kind, ("content-length", str(len(body))), *(headers or [])])
        await self._send({"type": "http.response.body", "body": body})

    async def event(self, message: dict[str, Any]) -> None:
        """Send a message as an event. The first one begins the stream."""
        await self._chunk(b"event: message\ndata: " + json_codec.encode(message) + b"\n")

    async def ping(self) -> None:
        """Send a comment, so that no proxy takes the stream for dead. It may begin the stream."""
        await self._chunk(PING)

    async def end(self) -> None:
        """End the stream of events."""
        await self._send({"type": "http.response.body", "body": b""})

    async def unless_disconnected(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do the work, and cancel it if the client hangs up. Return whether it was done.

        Call it once the body has been read.
        """
        task, watch = asyncio.create_task(work), asyncio.create_task(self._disconnected())
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            return task.done()
        finally:
            task.cancel()
            watch.cancel()
            await asyncio.gather(task, watch, return_exceptions=True)

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _chunk(self, data: bytes) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self._start(200, [("content-type", EVENTS), ("x-accel-buffering", "no")])
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _start(self, status: int, headers: Headers) -> None:
        self.status = status
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, ("cache-control", "no-store")]]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is longer than {limit:,} bytes", headers=[("connection", "close")])
