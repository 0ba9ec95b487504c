"""Serve the app on a free port of loopback, in a thread, and ask it in raw HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2

from mcp_models.servers.core.provider import Provider
from mcp_models.servers.echo_mcp_server import Echo
from mcp_models.servers.streamable_http.app import App, Rules
from mcp_models.servers.streamable_http.observer import Observer
from mcp_models.servers.streamable_http.request_headers import AllowedHosts
from mcp_models.servers.streamable_http.run import Server, bound, server
from tests.peer import LEGACY, MODERN, wait_until

ACCEPT = "application/json, text/event-stream"


class Served:
    """A server in a thread.

    Attributes:
        url: Its address, without a path.
        app: The app.
    """

    def __init__(self, url: str, app: App, running: Server) -> None:
        self.url, self.app, self._running = url, app, running
        self.client = httpx2.Client(base_url=url, trust_env=False, verify=False, timeout=20)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = self._running.servers[0].get_loop()
        return loop

    def busy(self) -> list[Any]:
        """Return uvicorn's connections with a request that is not answered."""
        connections: list[Any] = list(self._running.server_state.connections)
        return [one for one in connections if one.cycle is not None and not one.cycle.response_complete]

    def post(self, message: Any, path: str = "/echo/mcp", **headers: str | None) -> httpx2.Response:
        """Send a message with the headers that its era asks for. A header that is None is left out.

        Args:
            message: What to send: bytes as they are, anything else as JSON.
            path: Where to send it.
            headers: Headers to add or to replace, with `_` for `-`.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"content-type": "application/json", "accept": ACCEPT, **era_headers(message), **given}
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.client.post(path, content=body, headers={name: value for name, value in sent.items() if value is not None})


class QuickServer(Server):
    """A server that ends at once when it is told to, instead of looking ten times a second."""

    def __init__(self, app: App) -> None:
        super().__init__(server(app, drain=5).config)
        self.told = asyncio.Event()

    async def main_loop(self) -> None:
        await self.told.wait()


def quiet_echo() -> Echo:
    """Return an echo that keeps no ledger and does not try again."""
    return Echo({"MCP_MODELS_LEDGER": "off", "MCP_MODELS_MAX_RETRIES": "0"})


def era_headers(message: Any) -> dict[str, str | None]:
    """Return the headers that a client of the message's era sends."""
    params = message.get("params", {}) if isinstance(message, dict) else {}
    if not isinstance(params, dict) or "io.modelcontextprotocol/protocolVersion" not in (params.get("_meta") or {}):
        return {"mcp-protocol-version": LEGACY}
    name = {"mcp-name": params["name"]} if "name" in params else {}
    return {"mcp-protocol-version": MODERN, "mcp-method": message["method"], **name}


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    """Return the messages of a stream of events."""
    assert response.headers["content-type"] == "text/event-stream"
    lines = response.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@contextlib.contextmanager
def serving(providers: Sequence[Provider], observer: Observer | None = None, port: int = 0, **rules: Any) -> Iterator[Served]:
    """Serve providers until the context ends.

    Args:
        providers: The providers.
        observer: Learns of the requests.
        port: The port. 0 means any that is free.
        rules: Fields of `Rules` that are not the default.
    """
    with bound("127.0.0.1", port) as listener:
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        allowed_hosts = AllowedHosts([f"127.0.0.1:{port}", f"localhost:{port}"], ["https://friend.example"])
        app = App(providers, Rules(**{"url": url, "allowed_hosts": allowed_hosts, **rules}), observer)
        running = QuickServer(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        served = Served(url, app, running)
        try:
            wait_until(lambda: running.started)
            yield served
        finally:
            served.client.close()
            served.loop.call_soon_threadsafe(running.told.set)
            thread.join(20)
            assert not thread.is_alive()
