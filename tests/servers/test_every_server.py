"""What is true of every server: how the official client sees it, its tools, and the recorded schemas."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import mcp_types
import msgspec
import pytest
from mcp import Client, StdioServerParameters

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core.completion import Completion
from mcp_models.servers.core.tools import tools
from tests.fakes import FAKES, PRESET_FAKES, SAMPLED
from tests.peer import Peer, request

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"

Mode = Literal["auto", "legacy"] | str


def client(provider: str, mode: Mode, **options: Any) -> Client:
    words = ["-m", *server_modules()[provider]]
    parameters = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
    return Client(parameters, mode=mode, **options)


@pytest.fixture(params=SAMPLED)
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every provider in turn, with a fake for each one that needs it."""
    fakes = {fake.provider: fake for fake in (*FAKES, *PRESET_FAKES)}
    if request.param == "echo":
        yield "echo"
        return
    with fakes[request.param]() as fake:
        for name, value in {**fake.environment(), "MODEL_DEFAULT": fake.model}.items():
            monkeypatch.setenv(name, value)
        yield str(request.param)


def test_a_plain_client_of_2024_reads_one_line_a_request(provider: str) -> None:
    """Such as Hillstar's: it sends no `initialized`, uses the tool's other name, and takes the next line as the answer."""
    with Peer(provider) as server:
        offer = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "plain", "version": "1"}}
        assert server.ask(request(1, "initialize", offer))["result"]["protocolVersion"] == "2024-11-05"
        model = os.environ.get("MODEL_DEFAULT", "echo")
        for number in (2, 3):
            arguments = {"prompt": "Hello?", "model": model}
            answer = server.ask(request(number, "tools/call", {"name": "execute_task", "arguments": arguments}))
            assert answer["id"] == number
            assert answer["result"]["content"][0]["text"].strip()
            assert answer["result"]["isError"] is False


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])  # `auto` finds the modern era
async def test_the_official_client_lists_and_calls_it(provider: str, mode: Mode) -> None:
    values: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        values.append(progress)

    async with client(provider, mode) as session:
        listed = (await session.list_tools()).tools
        assert [tool.name for tool in listed] == ["complete", "list_models"]
        result = await session.call_tool("complete", {"prompt": "one two three"}, progress_callback=on_progress)
        assert isinstance(result.content[0], mcp_types.TextContent)
        assert result.content[0].text.strip()
        assert not result.is_error
        assert result.structured_content is None
        record = (result.meta or {})["mcp-models/completion"]
        assert record["provider"] == provider
        assert values == sorted(set(values))
        assert values
        failed = await session.call_tool("complete", {"prompt": "x", "max_tokens": 0})
        assert failed.is_error


async def test_the_official_client_gets_its_own_answer_on_each_of_many_calls() -> None:
    import anyio

    async with client("echo", "auto") as session:
        answers: dict[int, str] = {}

        async def one(n: int) -> None:
            result = await session.call_tool("complete", {"prompt": f"p{n}", "model": "echo-slow-0.1"})
            assert isinstance(result.content[0], mcp_types.TextContent)
            answers[n] = result.content[0].text

        async with anyio.create_task_group() as group:
            for n in range(50):
                group.start_soon(one, n)
        assert answers == {n: f"p{n}" for n in range(50)}


def test_the_tool_is_what_hosts_want(provider: str) -> None:
    for tool in tools(load_provider(provider)):
        mcp_types.Tool.model_validate(tool)
        assert tool["title"].startswith(("Ask ", "List "))
        assert len(tool["description"]) > 80
        assert tool["annotations"]["readOnlyHint"] is True
        assert tool["annotations"]["openWorldHint"] is True
        assert tool["annotations"]["destructiveHint"] is False
        assert "outputSchema" not in tool


def check_snapshot(name: str, value: Any) -> None:
    """Compare a value with the committed file. If the change is intended, delete the file and run the test to write it."""
    path = SNAPSHOTS / name
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{name} was missing and has been written: look at it and commit it")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SAMPLED)
def test_the_tools_as_on_record(name: str) -> None:
    check_snapshot(f"{name}.tools.json", tools(load_provider(name)))


def test_the_completions_record_as_on_record() -> None:
    check_snapshot("completion.record.json", without_descriptions(msgspec.json.schema(Completion)))


def without_descriptions(schema: Any) -> Any:
    """Return a schema without the docstrings, which are indented differently since Python 3.13."""
    if isinstance(schema, dict):
        return {key: without_descriptions(value) for key, value in schema.items() if key != "description"}
    return schema
