"""Serve a fake provider over HTTP on loopback, which checks requests and answers as a test says.

A fake cannot stand for the real provider. It shows that our requests have the documented form, and that we understand the
documented answers.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Request:
    """A request from a client."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Reply:
    """A reply to a request.

    Attributes:
        status: The HTTP status.
        body: The whole body. Unused if there are `chunks`.
        chunks: The pieces of a streamed body.
        pause: How many seconds to wait before each chunk.
        cut: Whether to hang up instead of ending the stream.
        headers: Further headers.
    """

    status: int = 200
    body: bytes = b""
    chunks: Iterable[bytes] | None = None
    pause: float = 0
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def json_reply(body: Any, status: int = 200, **headers: str) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(status, json.dumps(body).encode(), headers={name.replace("_", "-"): value for name, value in headers.items()})


class Endpoint:
    """A provider's endpoint on loopback.

    Attributes:
        url: The endpoint's address.
        requests: All requests so far.
        connections: The address of the client in each connection so far.
        disconnected: An event that is set when a client hangs up during an answer.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections: set[Any] = set()
        self.disconnected = threading.Event()
        self.arrived = threading.Semaphore(0)
        self._scripted: list[Reply | None] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                endpoint._handle(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._handler = Handler
        self._servers: list[_Server] = []
        self.url = f"http://127.0.0.1:{self.listen()}"

    def listen(self, tls: ssl.SSLContext | None = None) -> int:
        """Listen on one more port, from when the context is entered, and return the port."""
        server = _Server(("127.0.0.1", 0), self._handler)
        if tls is not None:  # the connection's own thread does the handshake
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._servers.append(server)
        return int(server.server_address[1])

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def forget(self) -> None:
        """Forget all requests, scripts and events."""
        self.requests.clear()
        self._scripted.clear()
        self.disconnected.clear()

    def script(self, *replies: Reply) -> None:
        """Set the replies to the next requests, instead of the provider's usual ones."""
        self._scripted += replies

    def fail_after(self, count: int, reply: Reply) -> None:
        """Set the reply to the request that comes after some more, which get the provider's usual ones."""
        self._scripted += [None] * count
        self._scripted.append(reply)

    def environment(self) -> dict[str, str]:
        """Return environment variables that lead a server here."""
        raise NotImplementedError

    def check(self, request: Request) -> Reply | None:
        """Return the provider's refusal if the request breaks its rules."""
        return None

    def answer(self, request: Request) -> Reply:
        """Return the provider's answer to a valid request."""
        raise NotImplementedError

    def decode(self, raw: bytes, headers: dict[str, str]) -> bytes:
        """Return the JSON in a request's body."""
        return raw

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        self.connections.add(handler.client_address)
        raw = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, json.loads(self.decode(raw, headers)) if raw else {})
        self.requests.append(request)
        self.arrived.release()
        reply = self._reply(request)
        try:
            self._send(handler, reply)
        except OSError:
            self.disconnected.set()

    def _reply(self, request: Request) -> Reply:
        scripted = self._scripted.pop(0) if self._scripted else None
        return self.check(request) or scripted or self.answer(request)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        handler.send_header("content-type", reply.content_type)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.chunks is None:
            handler.send_header("content-length", str(len(reply.body)))
            handler.end_headers()
            handler.wfile.write(reply.body)
            return
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for chunk in reply.chunks:
            if self._hung_up(handler.connection, reply.pause):
                raise ConnectionResetError
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if reply.cut:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            handler.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _hung_up(connection: socket.socket, seconds: float) -> bool:
        """Wait, and return whether the client has hung up in the meantime."""
        readable, _, _ = select.select([connection], [], [], seconds)
        if isinstance(connection, ssl.SSLSocket):  # you cannot peek with TLS, but the client sends nothing else now
            return bool(readable)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors, as a client that hangs up is not an error of the fake."""
