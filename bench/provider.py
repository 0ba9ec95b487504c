"""Serve as the provider for the benchmarks. This bare loopback server gives the same answer to every chat completion.

`python bench/provider.py SECONDS PAUSE` prints its port. It waits SECONDS before each answer, and PAUSE after the first piece
of a stream. It does not check requests as the tests' fakes do, so that it costs little.
"""

from __future__ import annotations

import asyncio
import json
import sys

_USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "gpt-x"}


def _chunk(**fields: object) -> bytes:
    return b"data: " + json.dumps({**_HEAD, "object": "chat.completion.chunk", **fields}).encode() + b"\n\n"


def _delta(finish_reason: str | None = None, **delta: str) -> bytes:
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])


FIRST = _delta(role="assistant", content="Hello")
REST = _delta(content=" there") + _delta(content=".") + _delta("stop") + _chunk(choices=[], usage=_USAGE) + b"data: [DONE]\n\n"
_MESSAGE = {"index": 0, "message": {"role": "assistant", "content": "Hello there."}, "finish_reason": "stop"}
WHOLE = json.dumps({**_HEAD, "object": "chat.completion", "choices": [_MESSAGE], "usage": _USAGE}).encode()


class Provider(asyncio.Protocol):
    """One connection to a client."""

    def __init__(self, seconds: float, pause: float) -> None:
        self._seconds, self._pause, self._received = seconds, pause, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to answer through it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that has arrived completely."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length]
            streamed = b'"stream":true' in body.replace(b" ", b"")
            del self._received[: end + 4 + length]
            answer = self._stream if streamed else self._whole
            asyncio.get_running_loop().call_later(self._seconds, answer) if self._seconds else answer()

    def _whole(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(WHOLE)
        self._transport.write(head + WHOLE)

    def _stream(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        first, rest = (b"%x\r\n%s\r\n" % (len(part), part) for part in (FIRST, REST))
        if self._pause:
            self._transport.write(head + first)
            asyncio.get_running_loop().call_later(self._pause, self._transport.write, rest + b"0\r\n\r\n")
        else:
            self._transport.write(head + first + rest + b"0\r\n\r\n")


async def main() -> None:
    """Serve until it is killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(float(sys.argv[1]), float(sys.argv[2])), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
