"""Calls over HTTP: the official client, hang-ups, a full server, and the end."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import mcp_types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_models.servers.core.completion import Completion, CompletionRequest
from mcp_models.servers.core.tools import TASK_ARGUMENTS
from mcp_models.servers.streamable_http import connection
from mcp_models.servers.streamable_http.observer import Observation, Observer
from tests.peer import call, request, wait_until
from tests.servers.core.test_service import Scripted
from tests.servers.streamable_http.serving import ACCEPT, Served, era_headers, quiet_echo, serving


class Endless(Scripted):
    """A provider that never answers, and notes which calls were cancelled."""

    def __init__(self) -> None:
        super().__init__(lambda request, on_text: None)
        self.begun, self.cancelled = threading.Semaphore(0), threading.Semaphore(0)

    async def complete(self, request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        self.begun.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.release()
            raise
        raise AssertionError


@pytest.fixture(scope="module")
def endless() -> Iterator[tuple[Endless, Served]]:
    provider = Endless()
    with serving([quiet_echo(), provider], max_requests=1) as served:
        yield provider, served


@pytest.fixture(scope="module")
def echo() -> Iterator[Served]:
    with serving([quiet_echo()]) as served:
        yield served


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_the_official_client(echo: Served, mode: str) -> None:
    values: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        values.append(progress)

    async with (
        httpx2.AsyncClient(trust_env=False, verify=False) as http,
        Client(streamable_http_client(f"{echo.url}/echo/mcp", http_client=http), mode=mode) as session,
    ):
        complete, list_models = (await session.list_tools()).tools
        assert (complete.name, list_models.name) == ("complete", "list_models")
        assert not complete.input_schema["properties"].keys() & TASK_ARGUMENTS
        plain = await session.call_tool("complete", {"prompt": "one two"})
        slow = await session.call_tool(
            "complete", {"prompt": "one two", "model": "echo-slow-0.1"}, progress_callback=on_progress
        )
        for result in (plain, slow):
            assert isinstance(result.content[0], mcp_types.TextContent)
            assert result.content[0].text == "one two"
        assert values == sorted(set(values))
        assert values
        assert (await session.call_tool("complete", {"prompt": "x", "model": "echo-error-rate_limit"})).is_error


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}])
def test_who_hangs_up_cancels_the_call_at_the_provider(
    endless: tuple[Endless, Served], modern: bool, meta: dict[str, Any]
) -> None:
    provider, served = endless
    with socket.create_connection(tuple(served.url.removeprefix("http://").split(":")), 5) as connection:  # type: ignore[arg-type]
        connection.sendall(raw(served, call(1, {"prompt": "x"}, modern=modern, **meta)))
        assert provider.begun.acquire(timeout=5)
    assert provider.cancelled.acquire(timeout=1)


def test_a_call_that_was_cancelled_is_in_flight_until_it_has_settled() -> None:
    counts: list[int] = []
    begun, settled = threading.Event(), threading.Event()

    class Settling(Scripted):
        async def complete(self, request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(20):  # as an HTTP client that closes its connection
                    await asyncio.sleep(0)
                counts.append(served.app._in_flight)
                settled.set()
            raise AssertionError

    with serving([Settling(lambda request, on_text: None)]) as served:
        with socket.create_connection(tuple(served.url.removeprefix("http://").split(":")), 5) as client:  # type: ignore[arg-type]
            client.sendall(raw(served, call(1, {"prompt": "x"})))
            assert begun.wait(5)
        assert settled.wait(5)
    assert counts == [1]


def test_a_client_that_reads_nothing_is_cut_off(echo: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_SECONDS", 0.1)
    message = call(1, {"prompt": "x" * (12 << 20), "max_tokens": 10**9}, modern=True, progressToken=1)
    with socket.create_connection(tuple(echo.url.removeprefix("http://").split(":")), 5) as client:  # type: ignore[arg-type]
        client.sendall(raw(echo, message, "/echo/mcp"))
        wait_until(echo.busy)
        wait_until(lambda: not echo.busy(), 5)


def test_a_full_server_says_when_to_come_back(endless: tuple[Endless, Served]) -> None:
    provider, served = endless
    with socket.create_connection(tuple(served.url.removeprefix("http://").split(":")), 5) as connection:  # type: ignore[arg-type]
        connection.sendall(raw(served, call(1, {"prompt": "x"})))
        assert provider.begun.acquire(timeout=5)
        refused = served.post(request(2, "tools/list"))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json()["error"]["message"] == "1 requests are in flight: try again in 2 s"
    assert provider.cancelled.acquire(timeout=1)
    wait_until(lambda: served.post(request(2, "tools/list")).status_code == 200)


def test_one_clients_name_is_not_anothers() -> None:
    names: list[str | None] = []

    async def call_tool(name: str, arguments: Any, on_text: Any, client_name: str | None, *rest: Any) -> dict[str, Any]:
        names.append(client_name)
        return {"content": [], "isError": False}

    with serving([quiet_echo()]) as served:
        served.app.endpoints["/echo/mcp"].service.call_tool = call_tool  # type: ignore[method-assign, assignment]
        offer = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "first", "version": "1"}}
        served.post(request(1, "initialize", offer))
        served.post(call(2, {"prompt": "x"}))
        served.post(call(3, {"prompt": "x"}, modern=True))
    assert names == [None, "tests"]


def test_an_observer_learns_of_each_request_and_its_end() -> None:
    class Noting(Observer):
        def __init__(self) -> None:
            self.open = 0
            self.seen: list[Observation] = []

        def begun(self, observation: Observation) -> None:
            self.open += 1

        def ended(self, observation: Observation) -> None:
            self.open -= 1
            self.seen.append(observation)

    noting = Noting()
    with serving([quiet_echo()], observer=noting) as served:
        served.post(call(1, {"prompt": "x"}))
        served.post(call(1, {"prompt": "x", "model": "echo-slow-0.01"}, progressToken=1))
        served.post(b"{")
        served.client.get("/echo/mcp")
        wait_until(lambda: len(noting.seen) == 4)
    assert {(one.status, one.streamed) for one in noting.seen} == {(200, False), (200, True), (400, False), (405, False)}
    assert noting.open == 0
    assert all(one.seconds is not None and one.provider == "echo" for one in noting.seen)


def raw(served: Served, message: dict[str, Any], path: str = "/scripted/mcp") -> bytes:
    """Return a request as bytes, for a connection that the test closes."""
    body = json.dumps(message).encode()
    fields = {"content-type": "application/json", "accept": ACCEPT, "content-length": str(len(body)), **era_headers(message)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\nHost: {served.url.removeprefix('http://')}\r\n{head}\r\n".encode() + body
