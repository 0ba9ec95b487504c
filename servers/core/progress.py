"""Tells a caller how its call comes along: progress notifications, from streamed text and as a heartbeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_models.servers.core import protocol
from mcp_models.servers.core.redaction import RedactedText

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import ToolCall

HEARTBEAT_SECONDS = 3.0
"""Seconds between two signs of life while a model thinks."""

TEXT_SECONDS = 0.25
"""The fewest seconds between two notifications about text, for hosts that did not ask for every piece."""


class Progress:
    """The progress notifications of one call: seconds since its start, which always increase.

    Args:
        call: A call with a `progressToken`.
        send: Takes each notification.
    """

    def __init__(self, call: ToolCall, send: Callable[[protocol.Message], None]) -> None:
        self._call, self._send = call, send
        self._started = time.monotonic()
        self._last = 0.0
        self._text = RedactedText()
        self._characters = 0

    def on_text(self, text: str) -> None:
        """Report new text: every piece to a caller that streams, else now and then."""
        self._characters += len(text)
        if self._call.stream:
            if shown := self._text.feed(text):
                self._notify(shown)
        elif self._elapsed() - self._last >= TEXT_SECONDS or self._last == 0:
            self._notify()

    def finish(self) -> None:
        """Report the end of a streamed text."""
        if rest := self._text.rest():
            self._notify(rest)

    async def beat(self) -> None:
        """Report for ever that the call is alive, whenever nothing else has for a while."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self._elapsed() - self._last >= HEARTBEAT_SECONDS * 0.9:
                self._notify()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _notify(self, delta: str | None = None) -> None:
        self._last = max(round(self._elapsed(), 3), round(self._last + 0.001, 3))
        what = f"{self._characters:,} characters received" if self._characters else "waiting for the model"
        self._send(protocol.progress(self._call, self._last, f"{what}, {self._last:.0f} s", delta))
