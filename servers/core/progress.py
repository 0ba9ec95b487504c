"""Send progress notifications for a call: when text arrives, and as a heartbeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import protocol
from mcp_models.servers.core.redaction import RedactedText

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import ToolCall
    from mcp_models.servers.core.provider import OnText

HEARTBEAT_SECONDS = 3.0
"""Seconds between heartbeats while a model thinks."""

TEXT_SECONDS = 0.25
"""The shortest time between two notifications about text, in seconds, for hosts that did not ask for every piece."""


async def with_progress(
    call: ToolCall, send: Callable[[protocol.Message], None], ask: Callable[[OnText], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Carry out a call and return its result. Report its progress meanwhile, if its client asked for that.

    Args:
        call: The call.
        send: Called with each progress notification.
        ask: Carries out the call. It is given what to call with each new piece of text.
    """
    if call.progress_token is None:
        return await ask(_ignore)
    progress = Progress(call, send)
    heartbeat = asyncio.get_running_loop().create_task(progress.beat())
    try:
        result = await ask(progress.on_text)
    finally:
        heartbeat.cancel()
    progress.finish()
    return result


class Progress:
    """Send the progress notifications of one call. The progress is the seconds since its start, and always increases.

    Args:
        call: A call with a `progressToken`.
        send: Called with each notification.
    """

    def __init__(self, call: ToolCall, send: Callable[[protocol.Message], None]) -> None:
        self._call, self._send = call, send
        self._started = time.monotonic()
        self._last = 0.0
        self._text = RedactedText()
        self._characters = 0

    def on_text(self, text: str) -> None:
        """Report new text. A caller that streams gets every piece, others a notification now and then."""
        self._characters += len(text)
        if self._call.stream:
            if shown := self._text.feed(text):
                self._notify(shown)
        elif self._elapsed() - self._last >= TEXT_SECONDS or self._last == 0:
            self._notify()

    def finish(self) -> None:
        """Send the text that was held back, if there is any."""
        if rest := self._text.rest():
            self._notify(rest)

    async def beat(self) -> None:
        """Keep reporting that the call is alive whenever nothing else was sent for a while. Runs until it is cancelled."""
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


def _ignore(text: str) -> None:
    pass
