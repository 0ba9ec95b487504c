"""Cut off clients that do not read their answers."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STUCK_SECONDS = 60.0
"""How long a client may read nothing of an answer that is on its way."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with a bound on how long it may be stuck."""

    _check: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Begin to watch the client, as it does not read as fast as we write."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching."""
        self._stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self, unsent: int) -> None:
        self._check = self.loop.call_later(STUCK_SECONDS, self._abort_if_stuck, unsent)

    def _abort_if_stuck(self, unsent_before: int) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent >= unsent_before:
            self.transport.abort()
        else:
            self._watch(unsent)

    def _stop(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._check = None
