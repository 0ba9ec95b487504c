"""A provider that sends without an end: each server stops reading, says so, and keeps its memory."""

from __future__ import annotations

import itertools
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.core.response_limits import LONGEST_ERROR, LONGEST_EVENT, LONGEST_RESPONSE
from tests.fakes import FAKES
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI, FakeOpenAIResponses
from tests.fakes.provider import FakeProvider
from tests.peer import Peer, request
from tests.servers.contract import ask_again

MEGABYTE = 1024 * 1024
BLOCK = b"x" * MEGABYTE
MOST_MEMORY = 200 * MEGABYTE


@pytest.fixture(params=FAKES, ids=lambda fake: str(fake.__name__))
def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """Each provider's fake in turn. The environment leads to it."""
    with request.param() as fake:
        for name, value in {**fake.environment(), "MODEL_DEFAULT": fake.model}.items():
            monkeypatch.setenv(name, value)
        yield fake


def bomb(first: bytes = b"", block: bytes = BLOCK) -> Iterator[bytes]:
    """Yield a body that unpacks to a thousand times its size, and never ends."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield packer.compress(first) + packer.flush(zlib.Z_SYNC_FLUSH)
    while True:
        yield packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH)


def stream_type(fake: FakeProvider) -> str:
    return fake.text(None, "x").content_type


def event(fake: FakeProvider) -> bytes:
    """Return one piece of an answer, with a long text, as this provider sends it."""
    pieces = fake.text(None, "x" * 100_000).chunks
    assert pieces is not None
    return next(piece for piece in pieces if b"xxx" in piece)


@pytest.mark.slow
def test_each_kind_of_endless_response_ends_in_an_error(fake: FakeProvider) -> None:
    """One server takes them all, twice, and then answers as ever."""
    kind, packed = stream_type(fake), {"content-encoding": "gzip"}
    attacks = {
        "an event": Reply(chunks=itertools.chain([b"data: "], itertools.repeat(BLOCK)), content_type=kind),
        "a packed event": Reply(chunks=bomb(b"data: "), content_type=kind, headers=packed),
        "an error": Reply(500, chunks=itertools.repeat(BLOCK)),
        "a packed error": Reply(400, chunks=bomb(), headers=packed),
        "events of nothing": Reply(chunks=itertools.repeat(b": " + b"x" * 10_000 + b"\n\n"), content_type=kind),
        "text": Reply(
            chunks=itertools.chain(itertools.islice(fake.ticks(), 3), itertools.repeat(event(fake))), content_type=kind
        ),
        "what is no stream": Reply(chunks=itertools.repeat(BLOCK), content_type="text/plain"),
    }
    with Peer(sys.executable, "-m", f"mcp_models.servers.{fake.provider}_mcp_server") as server:
        for name, reply in attacks.items():
            fake.forget()
            fake.script(reply)
            record = ask_again(server, seconds=60, timeout=60)
            assert record["is_error"], name
            assert record["type"] in ("provider_error", "invalid_request", "connection"), (name, record)
            assert len(fake.requests) == 1, name
        assert not ask_again(server)["is_error"]
        assert peak(server) < MOST_MEMORY


@pytest.mark.slow
def test_a_list_of_models_without_end_is_an_error(fake: FakeProvider) -> None:
    with Peer(sys.executable, "-m", f"mcp_models.servers.{fake.provider}_mcp_server") as server:
        fake.script(Reply(chunks=bomb(b'{"data": [', b" " * MEGABYTE), headers={"content-encoding": "gzip"}))
        result = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}), 60)["result"]
        assert result["_meta"]["mcp-models/error"]["type"] == "provider_error"
        assert peak(server) < MOST_MEMORY


def test_what_does_not_unpack_is_the_providers_fault(fake: FakeProvider) -> None:
    with Peer(fake.provider) as server:
        for status in (200, 500):
            fake.script(Reply(status, b"no gzip at all", headers={"content-encoding": "gzip"}, content_type=stream_type(fake)))
            assert ask_again(server)["type"] == "provider_error"


@pytest.mark.parametrize("method", ["complete", "list_models"])
def test_a_web_page_or_a_redirect_is_asked_for_once_and_not_followed(
    fake: FakeProvider, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "2")
    elsewhere = {"location": f"{fake.url}/elsewhere"}
    arguments = {"prompt": "x"} if method == "complete" else {}
    with Peer(fake.provider) as server:
        for reply, words in [
            (Reply(body=b"<!doctype html><p>Log in", content_type="text/html; charset=utf-8"), "a web page"),
            *((Reply(status, headers=elsewhere), "it redirects to") for status in (301, 302, 303, 307, 308)),
        ]:
            fake.forget()
            fake.script(reply)
            result = server.ask(request(1, "tools/call", {"name": method, "arguments": arguments}))["result"]
            error = result["_meta"]["mcp-models/error"]
            assert error["type"] == "provider_error"
            assert words in error["message"]
            assert len(fake.requests) == 1


def test_an_answer_may_be_packed(fake: FakeProvider) -> None:
    reply = fake.text(None, "packed", " text")
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = packer.compress(b"".join(reply.chunks or [reply.body])) + packer.flush()
    with Peer(fake.provider) as server:
        fake.script(Reply(body=packed, headers={"content-encoding": "gzip"}, content_type=reply.content_type))
        assert ask_again(server)["text"] == "packed text"


@pytest.mark.parametrize("fake", [FakeAnthropic, FakeGoogleAIStudio, FakeOllama, FakeOpenAI], indirect=True)
def test_a_connection_is_used_again(fake: FakeProvider) -> None:
    """The others leave the end of the body unread, so their connections are closed."""
    with Peer(fake.provider) as server:
        for _ in range(3):
            assert not ask_again(server)["is_error"]
    assert len(fake.connections) == 1


def test_limits_leave_room_for_the_longest_answers() -> None:
    assert LONGEST_ERROR < LONGEST_EVENT < LONGEST_RESPONSE
    with FakeOpenAIResponses() as fake:
        pieces = fake.text(None, " one", " two").chunks or ()
        event = next(piece for piece in pieces if b"output_text.delta" in piece)
    assert 2 * len(event) < LONGEST_RESPONSE / 128_000


def peak(server: Peer) -> int:
    """Return the most memory that a server's process has had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found: Any = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024
