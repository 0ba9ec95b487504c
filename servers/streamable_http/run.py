"""Run the app in uvicorn, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from mcp_models.servers.core.dispatcher import GARBAGE_OBJECTS
from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.streamable_http.connection import Connection

if TYPE_CHECKING:
    from mcp_models.servers.streamable_http.app import App

DRAIN_SECONDS = 60
"""How long calls in flight may run on after a SIGTERM, unless you say otherwise."""

EXIT_SECONDS = 3.0
"""How long the process may live on after that. A thread of some SDK could keep it alive for ever."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept. It is longer than nginx keeps one to us, which is 60 s, so that nginx closes first."""

ARRIVAL_SECONDS = 0.1
"""How long the request on a connection that was just opened may take to arrive once the server ends."""


class Server(uvicorn.Server):
    """uvicorn's server. If it runs in the main thread, the process is gone soon after its end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the requests end, and close the app."""
        await self._stop_listening(sockets or [])
        await super().shutdown(sockets)
        if threading.current_thread() is threading.main_thread():
            watchdog = threading.Timer(EXIT_SECONDS, os._exit, [0])
            watchdog.daemon = True
            watchdog.start()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Take no further connections, and let the requests arrive on those that were just opened.

        The system would reset those that nobody has taken yet, and uvicorn would close those without a request. A proxy that
        has sent a request there must not send it again, so its client would get an error.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets if os.name == "posix" else []:
            loop.remove_reader(listener)
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # asyncio loses a connection that it is about to set up when the server is closed
        taken = [connection for listener in sockets for connection in _waiting(listener)]
        for listening in self.servers:
            listening.close()
        connecting = asyncio.gather(
            *(loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl) for connection in taken),
            return_exceptions=True,
        )
        if taken or self.server_state.connections:
            await asyncio.sleep(ARRIVAL_SECONDS)
        connecting.cancel()  # a handshake of TLS may take a minute

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(self.config, self.server_state, self.lifespan.state)
        return protocol


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """Return the connections that wait to be taken."""
    found: list[socket.socket] = []
    with contextlib.suppress(OSError):  # there are no more
        while os.name == "posix":
            connection, _ = listener.accept()
            connection.setblocking(False)
            found.append(connection)
    return found


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Args:
        host: A name or an IP address of this machine.
        port: The port. 0 means any that is free.

    Raises:
        OSError: The address is not one of this machine, or is in use.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)  # asyncio sends small packets at once only if the protocol is named
    try:
        if os.name == "posix":  # elsewhere it would let two servers have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def server(app: App, *, certificate: str | None = None, key: str | None = None, drain: int = DRAIN_SECONDS) -> Server:
    """Return a server for the app. Its `run` serves until a SIGTERM or SIGINT has come and the calls in flight have ended.

    Args:
        app: The app.
        certificate: A file with the TLS certificate and its chain. None means no TLS.
        key: A file with the certificate's key.
        drain: How many seconds the calls in flight may run on after the signal.

    Raises:
        OSError: The files for TLS cannot be read, or are none.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on the client's address
        http=Connection,
        ws="none",
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=drain,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    config.load()
    return Server(config)


def serve(running: Server, listener: socket.socket) -> None:
    """Serve a bound socket until the end, in a process that does nothing else."""
    json_codec.use_msgspec(encoding=True)
    gc.set_threshold(GARBAGE_OBJECTS)
    running.run(sockets=[listener])
