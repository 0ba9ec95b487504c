"""Cut off clients that do not read their answers, do not send their requests, or send heads without an end."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STUCK_SECONDS = 60.0
"""How long a client may read next to nothing of an answer that is on its way."""

LEAST_READ = 16 * 1024
"""How many bytes a client must read in that time. Otherwise one byte a minute would hold a place for ever."""

SILENT_SECONDS = 75.0
"""How long a new connection may be without a byte."""

HEAD_SECONDS = 20.0
"""How long the head of a request may take to arrive, from its first byte."""

REQUEST_SECONDS = 60.0
"""How long the rest may take. The app gives up on a body earlier; this is for one that nobody waits for."""

MAX_HEAD_BYTES = 64 * 1024
"""The longest head to accept: the request's line and its headers. A token may be 16 KiB of that."""

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

_UPGRADE = re.compile(rb"\r\nupgrade(?=:)", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with bounds on how long a client may be stuck, and on a request's head."""

    _check: asyncio.TimerHandle | None = None
    _arrival: asyncio.TimerHandle | None = None
    _in_request = False  # whether a part of a request has arrived, but not all of it
    _unread = 0  # how many bytes have come since its begin or the last piece of its body

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._await_more(SILENT_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Pass on what has arrived, unless a head, a trailer or the like grows without an end."""
        if not self._in_request:
            self._begin_request()
            data = _without_upgrade(data)
        self._unread += len(data)
        super().data_received(data)
        if self._in_request and self._unread > MAX_HEAD_BYTES and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:  # else it would end up in an answer
                self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a request begins, which may follow another one in the same packet."""
        super().on_message_begin()
        if not self._in_request:
            self._begin_request()

    def on_headers_complete(self) -> None:
        """Have the request served, and wait for the rest of it."""
        self._await_more(REQUEST_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: uvicorn itself bounds how long the connection may be idle now."""
        self._in_request = False
        self._stop_waiting()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin to watch the client, as it does not read as fast as we write."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching."""
        self._stop()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection. One whose client has not read its answer yet would only wait for that, so cut it off."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._stop()
        self._stop_waiting()
        super().connection_lost(exc)

    def _begin_request(self) -> None:
        self._in_request, self._unread = True, 0
        self._await_more(HEAD_SECONDS)

    def _await_more(self, seconds: float) -> None:
        self._stop_waiting()
        self._arrival = self.loop.call_later(seconds, self._abort_if_late, seconds)

    def _abort_if_late(self, seconds: float) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._await_more(seconds)
        else:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _watch(self, unsent: int) -> None:
        self._check = self.loop.call_later(STUCK_SECONDS, self._abort_if_stuck, unsent)

    def _abort_if_stuck(self, unsent_before: int) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent > unsent_before - LEAST_READ:
            self.transport.abort()
        else:
            self._watch(unsent)

    def _stop(self) -> None:
        if self._check is not None:
            self._check.cancel()
            self._check = None


def _without_upgrade(data: bytes) -> bytes:
    """Return the begin of a request without the offer to go on in another protocol. With it, the parser would drop the body.

    Java's HTTP client offers HTTP/2 in each request without TLS.
    """
    end = data.find(b"\r\n\r\n")
    found = _UPGRADE.search(data, 0, len(data) if end < 0 else end)
    return data if found is None else data[: found.start()] + b"\r\nx-upgrade" + data[found.end() :]
