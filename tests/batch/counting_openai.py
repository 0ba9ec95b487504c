"""Fake an OpenAI that counts what it has answered: as strict as the tests' other fake, in one event loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.loop_server import LoopServer, read_request
from tests.fakes.openai import FakeOpenAI, chat_stream, error


class CountingOpenAI(LoopServer):
    """A fake OpenAI that counts its answers by their prompt.

    Args:
        seconds: How long an answer takes.
        refusals: The share of requests that are refused with 429, and again that of those that fail with 500.

    Attributes:
        answered: How often each prompt was answered, which is what is paid for. It counts from when the request has arrived.
        most: The most requests that were in flight at once.
        first: When the first answer was begun, in seconds on the monotonic clock.
        last: When the last one was sent.
        wrong: What the strict fake had to object to.
    """

    def __init__(self, seconds: float = 0.02, refusals: float = 0.0) -> None:
        super().__init__()
        self._seconds, self._refusals, self._rules = seconds, refusals, FakeOpenAI()
        self.answered: Counter[str] = Counter()
        self.refused = self.in_flight = self.most = 0
        self.first = self.last = 0.0
        self.wrong: list[str] = []

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        with self._rules:  # closes the port that it listens on
            pass

    def environment(self) -> dict[str, str]:
        """Return environment variables that lead a server here."""
        return {"OPENAI_API_KEY": self._rules.key, "OPENAI_BASE_URL": f"{self.url}/v1"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another."""
        while True:
            writer.write(_raw(await self._reply(await read_request(reader))))

    async def _reply(self, request: Request) -> Reply:
        if (refusal := self._rules.check(request)) is not None:
            self.wrong.append(refusal.body.decode())
            return refusal
        if not request.body["messages"]:  # curator asks so for its rate limits
            return error(400, "Invalid 'messages': empty array. Expected an array with minimum length 1.")
        fate = random.random()
        if fate < 2 * self._refusals:
            self.refused += 1
            return error(429, "Rate limit reached.") if fate < self._refusals else error(500, "The server had an error.")
        prompt = request.body["messages"][-1]["content"]
        self.answered[prompt] += 1
        self.first = self.first or time.monotonic()
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.in_flight -= 1
            self.last = time.monotonic()
        text = f"Answer to {prompt}"
        return chat_stream(request, text=text) if request.body.get("stream") else _whole(text)


def _whole(text: str) -> Reply:
    """Return an answer in one piece, as a client gets it that does not ask for a stream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    fields = {"id": "chatcmpl-fake", "object": "chat.completion", "created": 1_790_000_000, "model": "gpt-x"}
    return json_reply({**fields, "choices": [choice], "usage": usage})


def _raw(reply: Reply) -> bytes:
    body = reply.body if reply.chunks is None else b"".join(reply.chunks)
    head = f"HTTP/1.1 {reply.status} Fake\r\ncontent-type: {reply.content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
