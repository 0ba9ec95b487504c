"""`MCPModel` with a URL: the same faces, results and exceptions as with a process, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.client import (
    EchoMCPModel,
    MCPModel,
    ServerExitedError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
)
from mcp_models.client.http_session import HTTPSession
from mcp_models.client.remote_server import Address, RemoteServer
from mcp_models.servers.streamable_http.authentication import Caller
from tests.client.left_over import Counts, counts
from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply
from tests.peer import wait_until
from tests.servers.streamable_http.serving import Served, quiet_echo, serving
from tests.servers.streamable_http.test_calls import Endless

TOKEN = "mcpm_made-up-0123456789"


class OlderServer(Endpoint):
    """Somebody else's server: it speaks 2025-11-25 only, keeps sessions, and has a tool of another shape."""

    sessions = 0

    def __init__(self) -> None:
        super().__init__()
        self._handler.do_DELETE = self._handler.do_POST  # type: ignore[attr-defined]
        self.deleting, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def answer(self, request: Request) -> Reply:
        body, session = request.body, request.headers.get("mcp-session-id")
        if request.method == "DELETE":
            self.deleting.set()
            self.may_end.wait(20)
        if request.method != "POST":
            return json_reply({}, 405)
        if "id" not in body:
            return Reply(202)
        if body["method"] == "initialize":
            self.sessions += 1
            info = {"name": "older", "version": "1"}
            offer = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            return json_reply({"jsonrpc": "2.0", "id": body["id"], "result": offer}, mcp_session_id=str(self.sessions))
        if session is None:
            error = {"code": -32600, "message": "no session"}
            return json_reply({"jsonrpc": "2.0", "id": body["id"], "error": error}, 400)
        if session != str(self.sessions):
            return json_reply({}, 404)
        schema = {"type": "object", "properties": {"question": {"type": "string"}}}
        listed = {"tools": [{"name": "ask", "inputSchema": schema}]}
        question = body.get("params", {}).get("arguments", {}).get("question")
        said = {"content": [{"type": "text", "text": f"You asked: {question}"}]}
        result = listed if body["method"] == "tools/list" else said
        return json_reply({"jsonrpc": "2.0", "id": body["id"], "result": result})


class OneToken:
    """A way to check tokens that knows one."""

    async def caller(self, token: str, audience: str) -> Caller | None:
        return Caller("alice") if token == TOKEN else None


@pytest.fixture(scope="module")
def endless() -> Endless:
    return Endless()


@pytest.fixture(scope="module")
def served(endless: Endless) -> Iterator[Served]:
    with serving([quiet_echo(), endless], max_body=200 << 20) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_left(served: Served) -> Iterator[Counts]:
    before = counts()
    yield before
    wait_until(lambda: counts().within(before), 5)


@pytest.fixture
def model(served: Served) -> Iterator[MCPModel]:
    with MCPModel("echo", None, f"{served.url}/echo/mcp") as model:
        yield model


@pytest.fixture
def silent(served: Served) -> Iterator[MCPModel]:
    """A model that never answers."""
    with MCPModel("scripted", None, f"{served.url}/scripted/mcp") as model:
        yield model


def same(result: Any) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "latency_ms"}


async def test_every_face_gives_what_it_gives_with_a_process(model: MCPModel) -> None:
    async with EchoMCPModel() as process:
        for options in ({}, {"max_tokens": 1}, {"model": "echo-error-rate_limit"}, {"service_tier": "flex"}, {"model": "nope"}):
            given: Any = options
            expected = same(await process.acall("one two", **given))
            assert same(await asyncio.to_thread(model.call, "one two", **given)) == expected
            assert same(await model.acall("one two", **given)) == expected
            stream, astream = model.stream("one two", **given), model.astream("one two", **given)
            pieces = await asyncio.to_thread(list, stream)
            assert [piece async for piece in astream] == pieces
            assert same(stream.result) == same(astream.result) == expected
            assert "".join(pieces) == (expected["output"] or "")


def test_progress_comes_while_the_model_is_at_work(model: MCPModel) -> None:
    seen: list[dict[str, Any]] = []
    model.call("one two three", model="echo-slow-0.1", on_progress=seen.append)
    assert seen
    assert [note["progress"] for note in seen] == sorted({note["progress"] for note in seen})


def test_an_error_in_on_progress_ends_its_call_only(model: MCPModel) -> None:
    def on_progress(params: dict[str, Any]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.call("one two", model="echo-slow-0.1", on_progress=on_progress)
    assert model.call("hello")["output"] == "hello"


def test_a_time_out_stops_the_work(served: Served, endless: Endless) -> None:
    with RemoteServer(Address(f"{served.url}/scripted/mcp"), 10) as server:
        with pytest.raises(ServerTimeoutError, match=r"no answer to tools/call within 0\.2 s"):
            server.call_tool("complete", {"prompt": "x"}, timeout=0.2)
        assert endless.cancelled.acquire(timeout=2)


async def test_who_leaves_stops_the_work(silent: MCPModel, endless: Endless) -> None:
    await asyncio.to_thread(silent.start)
    while endless.begun.acquire(blocking=False):
        pass
    call = asyncio.create_task(silent.acall("x"))
    assert await asyncio.to_thread(endless.begun.acquire, timeout=5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(endless.cancelled.acquire, timeout=2)


def test_closing_ends_the_calls_in_flight_and_the_next_call_connects_again(served: Served, endless: Endless) -> None:
    model = MCPModel("scripted", None, f"{served.url}/scripted/mcp")
    while endless.begun.acquire(blocking=False):
        pass
    errors: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(ServerExitedError) as failed:
            model.call("x")
        errors.append(failed.value)

    thread = threading.Thread(target=ask)
    thread.start()
    assert endless.begun.acquire(timeout=5)
    model.close()
    thread.join(5)
    assert "the model was closed" in str(errors[0])
    assert endless.cancelled.acquire(timeout=2)
    with model:
        assert model.server.list_tools()


def test_a_lost_connection_fails_its_call_and_no_other(served: Served, model: MCPModel) -> None:
    model.start()
    outcomes: dict[str, Any] = {}

    def ask(name: str) -> None:
        try:
            outcomes[name] = model.call(name, model="echo-slow-0.5")["output"]
        except ServerExitedError as error:
            outcomes[name] = error

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("one", "two")]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda number=number: len(served.busy()) == number)
    served.loop.call_soon_threadsafe(served.busy()[0].transport.abort)
    for thread in threads:
        thread.join(10)
    lost = [outcome for outcome in outcomes.values() if isinstance(outcome, ServerExitedError)]
    assert len(lost) == 1, outcomes
    assert {"one", "two"} & set(map(str, outcomes.values()))
    assert model.call("hello")["output"] == "hello"


def test_a_server_that_is_gone_is_an_error_until_it_is_back() -> None:
    with serving([quiet_echo()]) as first:
        model = MCPModel("echo", None, f"{first.url}/echo/mcp")
        assert model.call("hello")["output"] == "hello"
    with pytest.raises(ServerStartError, match="the server cannot be reached"):
        model.call("hello")
    with serving([quiet_echo()], port=int(first.url.rpartition(":")[2])), model:
        assert model.call("again")["output"] == "again"


def test_a_token_from_the_argument_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving([quiet_echo()], authenticators=[OneToken()]) as served:
        url = f"{served.url}/echo/mcp"
        with MCPModel("echo", None, url, token=TOKEN) as model:
            assert model.call("hello")["output"] == "hello"
            with pickle.loads(pickle.dumps(model)) as copy:
                assert copy.call("hello")["output"] == "hello"
            shown = f"{model!r} {vars(model)} {vars(model.server)}"
        monkeypatch.setenv("MCP_MODELS_TOKEN", TOKEN)
        with MCPModel("echo", None, url) as model:
            assert model.call("hello")["output"] == "hello"
        monkeypatch.setenv("MCP_MODELS_TOKEN", "mcpm_another-one")
        model = MCPModel("echo", None, url)
        with pytest.raises(ServerProtocolError, match="the token is not valid") as failed:
            model.call("hello")
        model.close()
    assert TOKEN not in shown
    assert TOKEN not in caplog.text
    assert "another-one" not in f"{failed.value} {caplog.text}"


def test_a_full_server_is_an_error_and_does_not_lead_to_an_older_protocol(served: Served) -> None:
    with serving([quiet_echo()], max_requests=0) as full:
        model = MCPModel("echo", None, f"{full.url}/echo/mcp")
        with pytest.raises((ServerProtocolError, ServerExitedError)):
            model.call("hello")
        model.close()


def test_somebody_elses_older_server_with_sessions() -> None:
    with OlderServer() as older, MCPModel("it", None, older.url, tool_name="ask", prompt_argument="question") as model:
        result = model.call("why?", 7)
        assert (result["output"], result["dropped_params"]) == ("You asked: why?", ["max_tokens"])
        older.sessions += 1  # as a server that was started again
        with pytest.raises(ServerExitedError, match="has forgotten this session"):
            model.call("why?")
        assert model.call("why?")["output"] == "You asked: why?"


def test_a_server_that_never_ends_its_session_keeps_no_thread(
    nothing_left: Counts, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    monkeypatch.setattr("mcp_models.client.http_connection.GOODBYE_SECONDS", 0.1)
    with OlderServer() as older:
        older.may_end.clear()
        with MCPModel("it", None, older.url, tool_name="ask", prompt_argument="question") as model:
            model.call("why?")
        assert older.deleting.wait(5)
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "MCP over HTTP"], 3)
        older.may_end.set()


def test_what_is_no_answer_is_an_error_of_its_call_and_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with OlderServer() as older, MCPModel("it", None, older.url, tool_name="ask", prompt_argument="question") as model:
        model.call("why?")
        for reply in (
            Reply(200, b'{"jsonrpc": "half an answer'),
            Reply(200, b"<html>", content_type="text/html"),
            Reply(302, headers={"location": "http://127.0.0.1:9/elsewhere"}),
            Reply(500, b"<html>", content_type="text/html"),
            Reply(200, chunks=[b"data: half an answer\n\n"], content_type="text/event-stream"),
        ):
            older.script(reply)
            with pytest.raises((ServerProtocolError, ServerExitedError)):
                model.call("why?")
        assert model.call("why?")["output"] == "You asked: why?"
    assert "half an answer" not in caplog.text


def test_a_fork_does_not_leave_a_lock_that_a_thread_of_the_parent_held() -> None:
    session = HTTPSession("http://127.0.0.1:9/mcp", None)
    session.close()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with session._pending._lock:
            held.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(5)
    session.disown()  # as in the child, in which that thread does not go on
    leaving = threading.Thread(target=session._abandon, args=[1, "abandoned"], daemon=True)
    leaving.start()
    leaving.join(2)
    assert not leaving.is_alive()
    done.set()
    holder.join()


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("http://models.example.com/openai/mcp",), {}, ServerStartError),
        (("https://",), {}, ServerStartError),
        (("https://models.example.com/openai/mcp",), {"token": "two words"}, ServerStartError),
        (("https://models.example.com/openai/mcp", "sk-made-up-key"), {}, ValueError),
        (("echo",), {"token": "x"}, ValueError),
    ],
)
def test_what_makes_no_sense(arguments: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        MCPModel("openai", None, *arguments, **options)


def test_an_answer_of_two_megabytes_in_events(model: MCPModel) -> None:
    """The SDK's own limit for an event is one."""
    stream = model.stream("x" * (2 << 20), max_tokens=10**9)
    assert sum(map(len, stream)) == len(stream.result["output"] or "") == 2 << 20


@pytest.mark.slow
def test_an_answer_of_fifty_megabytes(model: MCPModel) -> None:
    assert len(model.call("x" * (50 << 20), max_tokens=10**9)["output"] or "") == 50 << 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_connects_for_itself(model: MCPModel) -> None:
    assert model.call("hello")["output"] == "hello"
    child = os.fork()
    if child == 0:
        os._exit(0 if model.call("child")["output"] == "child" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert model.call("parent")["output"] == "parent"
