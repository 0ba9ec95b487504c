"""How the server ends: who was about to ask is still answered."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from mcp_models.servers.streamable_http import run
from mcp_models.servers.streamable_http.app import App, Rules
from mcp_models.servers.streamable_http.request_headers import AllowedHosts
from tests.peer import call, wait_until
from tests.servers.streamable_http.serving import ACCEPT, QuickServer, quiet_echo


@pytest.mark.parametrize("is_taken", [True, False], ids=["a connection without a request", "one that nobody has taken yet"])
def test_a_connection_that_was_just_opened_is_answered_at_the_end(is_taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ARRIVAL_SECONDS", 0.5)
    resume = threading.Event()
    with run.bound("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        running = QuickServer(
            App([quiet_echo()], Rules(url="http://127.0.0.1", allowed_hosts=AllowedHosts(["models.example.com"], [])))
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: running.started)
        loop = running.servers[0].get_loop()

        def end() -> None:
            running.told.set()
            resume.wait(10)  # nobody takes connections meanwhile

        if not is_taken:
            loop.call_soon_threadsafe(end)
        with socket.create_connection(address, timeout=10) as client:
            if is_taken:
                wait_until(lambda: running.server_state.connections)
                loop.call_soon_threadsafe(end)
            resume.set()
            wait_until(lambda: listener.fileno() < 0 or _refuses(address))
            client.sendall(_request())
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        thread.join(20)
        assert not thread.is_alive()


def _refuses(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) != 0


def _request() -> bytes:
    body = json.dumps(call(1, {"prompt": "Hello."})).encode()
    head = ["POST /echo/mcp HTTP/1.1", "host: models.example.com", f"accept: {ACCEPT}", "content-type: application/json"]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body
