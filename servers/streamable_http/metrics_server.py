"""Serve `/metrics` on a port of its own, in a thread, so that calls go on during a scrape."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PATH = "/metrics"

SCRAPE_SECONDS = 10.0
"""How long a scraper may send or read nothing."""

POLL_SECONDS = 0.1
"""How often the thread looks whether it should end."""

_Start = Callable[..., Any]
_Request = dict[str, Any]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A server with a thread for each connection, on a socket that exists."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, app: Callable[[_Request, _Start], Iterable[bytes]]) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__((host, port), _Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_name, self.server_port = listener, host, port
        self.setup_environ()
        self.set_app(app)
        self.server_activate()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a scraper that is gone."""


class _Quiet(WSGIRequestHandler):
    timeout = SCRAPE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextlib.contextmanager
def serving_metrics(listener: socket.socket, registry: CollectorRegistry) -> Iterator[None]:
    """Serve the metrics until the context ends.

    On loopback, `Host` must be a name of loopback, against web pages (DNS rebinding). Elsewhere a Prometheus asks by any name.

    Args:
        listener: A bound socket.
        registry: The metrics.
    """
    metrics = make_wsgi_app(registry)
    address, port = listener.getsockname()[:2]
    is_local = ipaddress.ip_address(address).is_loopback
    hosts = {f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")} if is_local else None

    def app(request: _Request, start: _Start) -> Iterable[bytes]:
        if hosts is not None and request.get("HTTP_HOST", "").lower() not in hosts:
            return _refused(start, "421 Misdirected Request")
        if request["PATH_INFO"] != PATH:
            return _refused(start, "404 Not Found")
        if request["REQUEST_METHOD"] != "GET":
            return _refused(start, "405 Method Not Allowed")
        page: Iterable[bytes] = metrics(request, start)
        return page

    server = _Server(listener, app)
    thread = threading.Thread(target=server.serve_forever, args=[POLL_SECONDS], name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(SCRAPE_SECONDS)


def _refused(start: _Start, status: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain")])
    return [status.encode()]
