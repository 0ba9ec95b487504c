"""A malicious server: the bridge limits its time and memory, and does not pass on secrets."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client import (
    EchoMCPModel,
    MCPModel,
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    SessionError,
    chunk_queue,
    process,
)
from mcp_models.servers.core.redaction import REDACTED, protect
from tests.peer import wait_until

FOLDER = Path(__file__).parent.parent / "misbehaving"
SECRET = "made-up-secret-0123456789"

Behind = Callable[..., MCPModel]


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    """A function that makes a model with a server of a few lines."""
    models = []

    def make(body: str, **options: Any) -> MCPModel:
        script = tmp_path / "server.py"
        script.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\nfrom speaking import *\n{body}")
        models.append(MCPModel("other", "m", [sys.executable, str(script)], **{"timeout": 1, "start_timeout": 3, **options}))
        return models[-1]

    yield make
    for model in models:
        model.close()


@pytest.mark.slow
def test_a_flood_of_requests_from_a_server_that_reads_nothing_holds_no_call(behind: Behind) -> None:
    ping = json.dumps({"jsonrpc": "2.0", "id": "s", "method": "ping"})
    model = behind(f"asked()\nwhile True: os.write(1, {(ping + chr(10)).encode()!r} * 500)")
    started = time.monotonic()
    with pytest.raises(SessionError):
        model.call("x", timeout=0.2)
    assert time.monotonic() - started < 20


def test_a_line_without_end_ends_the_handshake(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_LINE_BYTES", 1_000_000)
    model = behind("read()\nwhile True: os.write(1, b'x' * 65536)")
    with pytest.raises((ServerProtocolError, ServerExitedError), match="a line of more than 1,000,000 bytes"):
        model.call("x")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no /proc to read the memory from")
@pytest.mark.parametrize("descriptor", [1, 2], ids=["stdout", "stderr"])
def test_output_without_end_leaves_the_memory_below_200_mb(descriptor: int) -> None:
    """With the real limits, in a process of its own."""
    server = f"import os\nwhile True: os.write({descriptor}, b'x' * 65536)"
    program = f"""
import re, sys
from mcp_models.client import MCPModel, SessionError
try:
    MCPModel("other", "m", [sys.executable, "-c", {server!r}], start_timeout=5).call("x", timeout=5)
except SessionError as error:
    print(re.search("VmHWM:\\\\s+([0-9]+) kB", open("/proc/self/status").read())[1])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert 0 < int(done.stdout) < 200_000


def test_a_stream_that_nobody_reads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_queue, "MAX_UNREAD_CHARACTERS", 10)
    with EchoMCPModel() as model:
        stream = model.stream("a prompt that is longer than that, in five pieces")
        next(stream)
        wait_until(lambda: model.in_flight == 0)
        with pytest.raises(RuntimeError, match="nobody reads the stream"):
            list(stream)
        assert model.call("again")["output"] == "again"


@pytest.mark.parametrize(
    "found",
    ["{'capabilities': 5}", "{'capabilities': []}", "{}", "{'protocolVersion': 5, 'capabilities': None}"],
)
def test_an_odd_handshake_is_no_type_error(behind: Behind, found: str) -> None:
    model = behind(f"answer(read(), {found})\nread()\nanswer(read())\nread()")
    assert model.call("x")["output"] == "hi"


@pytest.mark.parametrize("versions", ["5", "None", "{}", "['1999-01-01']"])
def test_odd_versions_are_a_protocol_error(behind: Behind, versions: str) -> None:
    model = behind(f"refuse(read(), -32601, 'no')\nanswer(read(), {{'supportedVersions': {versions}}})\nread()")
    with pytest.raises(ServerProtocolError, match="no common protocol version"):
        model.call("x")


def test_a_line_that_is_not_json_ends_the_calls_and_stops_their_work(behind: Behind, tmp_path: Path) -> None:
    told = tmp_path / "told"
    model = behind(f"asked()\nwrite('nonsense')\nopen({str(told)!r}, 'w').write(json.dumps(read()))\nserve()")
    with pytest.raises(ServerJSONError):
        model.call("x")
    assert model.call("again")["output"] == "hi"
    assert json.loads(told.read_text())["method"] == "notifications/cancelled"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("refuse(asked(), -32000, 'bad key made-up-secret-0123456789')", ServerProtocolError),
        ("asked(); write('key=made-up-secret-0123456789 is no JSON')", ServerJSONError),
        ("""asked(); write('{"jsonrpc": "2.0", "id": "made-up-secret-0123456789", "result": {}}')""", ServerProtocolError),
    ],
)
def test_what_a_server_says_is_quoted_without_secrets(behind: Behind, body: str, error: type[SessionError]) -> None:
    protect(SECRET)
    with pytest.raises(error) as caught:
        behind(f"{body}\nread()").call("x")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    for shown in (str(caught.value), repr(caught.value), repr(vars(caught.value)), repr(vars(copy))):
        assert SECRET not in shown
    assert REDACTED in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("name", ["dropped_params", "warnings"])
def test_a_record_of_wrong_types_is_a_protocol_error(behind: Behind, name: str) -> None:
    record = {"mcp-models/completion": {name: 7}}
    model = behind(f"answer(asked(), {{**TEXT, '_meta': {record}}})\nread()")
    with pytest.raises(ServerProtocolError, match=f"`{name}` that is not a list of strings"):
        model.call("x")


def test_a_long_error_text_is_quoted_in_part(behind: Behind) -> None:
    with pytest.raises(ServerProtocolError) as caught:
        behind("refuse(asked(), -32000, 'x' * 5_000_000)\nread()").call("x", timeout=5)
    assert len(str(caught.value)) < 2000


def test_outside_of_asyncio_acall_says_what_to_use() -> None:
    with EchoMCPModel() as model:
        asking = model.acall("x")
        with pytest.raises(RuntimeError, match="elsewhere use call, in a thread"):
            asking.send(None)
