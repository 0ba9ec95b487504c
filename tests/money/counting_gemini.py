"""Fake a Gemini that counts: each answer has an id and tokens of its own, and the fake keeps them all."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading

from tests.fakes.endpoint import Reply, Request
from tests.fakes.google_ai_studio import FakeGoogleAIStudio


class CountingGemini(FakeGoogleAIStudio):
    """A fake Gemini that keeps what it has charged.

    Args:
        pause: How many seconds an answer takes.

    Attributes:
        charged: The tokens in and out of each answer, by its id. An answer counts from when the request has arrived.
    """

    def __init__(self, pause: float = 0.02) -> None:
        super().__init__()
        self.charged: dict[str, tuple[int, int]] = {}
        self._pause = pause
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    async def has_charged(self, number: int) -> None:
        """Wait until so many answers have been charged."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: len(self.charged) >= number, timeout=120)

        await asyncio.to_thread(wait)

    def answer(self, request: Request) -> Reply:
        """Return a short answer, which is charged with nearly as much as the request allows."""
        self.requests.clear()  # there would be too many
        limit = request.body["generationConfig"]["maxOutputTokens"]
        number = next(self._numbers)
        tokens = (100 + number % 50, limit - number % 3)
        with self._changed:
            self._changed.notify_all()
            self.charged[f"answer-{number}"] = tokens
        usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1]}
        candidate = {"content": {"role": "model", "parts": [{"text": "Fine."}]}, "index": 0, "finishReason": "STOP"}
        event = {"candidates": [candidate], "modelVersion": self.model, "usageMetadata": usage}
        chunk = f"data: {json.dumps({**event, 'responseId': f'answer-{number}'})}\n\n".encode()
        return Reply(chunks=[chunk], content_type="text/event-stream", pause=self._pause)
