"""Stand between a fake and its clients, and spoil its answers on the wire as a network or a broken gateway would.

A prompt names its call and the fault of each try: `call 17: reset, ok`. So the account of a call does not depend on the order
in which requests arrive.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.endpoint import Reply, Request
from tests.fakes.provider import FakeProvider

LONGEST = 20.0
"""How many seconds a fault lasts if the client does not hang up."""

NO_CALL = -1
"""The number of a request that is no completion."""

_PLAN = re.compile(r"call (\d+): ([\w, ]+)\.")

Fault = Callable[[socket.socket, bytes], None]


class Spoiled(ConnectionError):
    """The fault is over, and the connection cannot be used again."""


def _until_closed(wire: socket.socket, piece: bytes = b"", pause: float = 0.05) -> None:
    """Send a piece again and again, or nothing, until the client hangs up."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        if piece:
            wire.sendall(piece)
        if select.select([wire], [], [], pause)[0] and not wire.recv(4096):
            break
    raise Spoiled


def _ok(wire: socket.socket, raw: bytes) -> None:
    wire.sendall(raw)


def _latency(wire: socket.socket, raw: bytes) -> None:
    time.sleep(0.1)
    wire.sendall(raw)


def _drip(wire: socket.socket, raw: bytes) -> None:
    for start in range(0, len(raw), 16):
        wire.sendall(raw[start : start + 16])
        time.sleep(0.0005)


def _early(wire: socket.socket, raw: bytes) -> None:
    wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 3 + raw)


def _reset(wire: socket.socket, raw: bytes) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Spoiled


def _closed(wire: socket.socket, raw: bytes) -> None:
    raise Spoiled


def _silent(wire: socket.socket, raw: bytes) -> None:
    _until_closed(wire)


def _cut(share: float, fault: Fault) -> Fault:
    """Return a fault that sends a share of the body first."""

    def act(wire: socket.socket, raw: bytes) -> None:
        start = raw.index(b"\r\n\r\n") + 4
        wire.sendall(raw[: start + int((len(raw) - start) * share)])
        time.sleep(0.02)  # what has been sent is lost if a reset follows at once
        fault(wire, raw)

    return act


def _cut_headers(wire: socket.socket, raw: bytes) -> None:
    wire.sendall(raw[:25])
    raise Spoiled


def _very_slow(wire: socket.socket, raw: bytes) -> None:
    for place in range(len(raw)):
        wire.sendall(raw[place : place + 1])
        if select.select([wire], [], [], 0.1)[0]:
            break
    raise Spoiled


def _length(factor: float) -> Fault:
    """Return a fault that sends the whole body with a wrong content-length."""

    def act(wire: socket.socket, raw: bytes) -> None:
        head, body = _split(raw)
        wire.sendall(b"%s\r\ncontent-length: %d\r\n\r\n%s" % (head, int(len(body) * factor), body))
        raise Spoiled

    return act


def _bytes(*pieces: bytes) -> Fault:
    """Return a fault that sends these bytes instead of the answer."""

    def act(wire: socket.socket, raw: bytes) -> None:
        wire.sendall(b"".join(pieces))
        raise Spoiled

    return act


def _random(wire: socket.socket, raw: bytes) -> None:
    wire.sendall(os.urandom(300))
    raise Spoiled


def _bare(wire: socket.socket, raw: bytes) -> None:
    """Send the body without a status line, as HTTP/0.9 does."""
    wire.sendall(_split(raw)[1])
    raise Spoiled


def _no_gzip(wire: socket.socket, raw: bytes) -> None:
    head, body = _split(raw)
    wire.sendall(b"%s\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body))
    raise Spoiled


def _endless(head: bytes, piece: bytes) -> Fault:
    def act(wire: socket.socket, raw: bytes) -> None:
        wire.sendall(head)
        _until_closed(wire, piece, 0.001)

    return act


def _status(status: int, *headers: str) -> Fault:
    lines = "".join(f"{line}\r\n" for line in headers)
    return _bytes(f"HTTP/1.1 {status} No\r\n{lines}content-length: 4\r\nconnection: close\r\n\r\noops".encode())


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the head of an answer without its framing, and the body without chunks."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head:
        whole = b""
        while (size := int(body.partition(b"\r\n")[0] or b"0", 16)) > 0:
            start = body.index(b"\r\n") + 2
            whole, body = whole + body[start : start + size], body[start + size + 2 :]
        body = whole
    return re.sub(rb"\r\n(transfer-encoding|content-length): [^\r]*", b"", head), body


GOOD: dict[str, Fault] = {"ok": _ok, "latency": _latency, "drip": _drip, "early": _early}
"""What a client has to live with: the answer arrives."""

BAD: dict[str, Fault] = {
    "reset": _reset,
    "closed": _closed,
    "silent": _silent,
    "cut_early": _cut(0.1, _closed),
    "cut_midway": _cut(0.5, _reset),
    "cut_late": _cut(0.9, _closed),
    "stuck_midway": _cut(0.5, _silent),
    "cut_headers": _cut_headers,
    "very_slow": _very_slow,
    "length_too_small": _length(0.5),
    "length_too_large": _length(2),
    "tls_alert": _bytes(b"\x15\x03\x01\x00\x02\x02\x28"),
    "random": _random,
    "bare": _bare,
    "no_gzip": _no_gzip,
    "bad_chunk": _bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nx\r\n"),
    "endless_headers": _endless(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"y" * 2000 + b"\r\n"),
    "endless_1xx": _endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "bad_gateway": _status(502),
    "unavailable": _status(503, "retry-after: 0"),
    "too_many": _status(429, "retry-after: 60"),
    "teapot": _status(418),
    "moved": _status(302, "location: http://127.0.0.1:1/"),
}
"""What spoils an answer."""


class FaultyWire:
    """Spoil the answers of a fake, and keep account of each call.

    Args:
        fake: The fake. It answers with the number of the call.

    Attributes:
        requests: How many requests each call has made.
        late: The calls that made a request after their answer had been delivered.
        faults: How often each fault was injected.
    """

    def __init__(self, fake: FakeProvider) -> None:
        self.requests: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.late: set[int] = set()
        self._delivered: set[int] = set()
        self._lock = threading.Lock()
        self._fake, self._whole = fake, fake._send
        fake._handle = self._handle  # type: ignore[method-assign]
        fake.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, request: Request) -> Reply:
        return self._fake.text(request, "It is ", f"{_plan(request)[0]}", ".")

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, json.loads(raw) if raw else {})
        number, plan = _plan(request)
        with self._lock:
            tries = self.requests[number]
            self.requests[number] += number != NO_CALL
            if number in self._delivered and number != NO_CALL:
                self.late.add(number)
            fault = plan[min(tries, len(plan) - 1)]
            self.faults[fault] += 1
        whole = self._captured(handler, self._fake._reply(request))
        try:
            {**GOOD, **BAD}[fault](handler.connection, whole)
            with self._lock:
                self._delivered.add(number)
        except OSError:
            handler.close_connection = True
            with contextlib.suppress(OSError):
                handler.connection.close()

    def _captured(self, handler: Any, reply: Reply) -> bytes:
        """Return an answer as it would go over the wire."""
        wire, handler.wfile = handler.wfile, io.BytesIO()
        try:
            self._whole(handler, reply)
            return bytes(handler.wfile.getvalue())
        finally:
            handler.wfile = wire


def _plan(request: Request) -> tuple[int, list[str]]:
    """Return the number of a call and the fault of each try, from its prompt. The list of models belongs to no call."""
    found = _PLAN.search(str(request.body))
    return (int(found[1]), found[2].split(", ")) if found else (NO_CALL, ["ok"])
