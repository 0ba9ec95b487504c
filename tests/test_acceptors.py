"""Every server's tools are accepted by real SDKs, model servers and clients, as hosts and their models use them."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core.tools import tools
from tests.acceptors import ACCEPTED, PROGRAMS, Acceptor, Server, Servers, Verdicts, acceptors, servers
from tests.fakes import SAMPLED

REFUSED_SOMEWHERE = {"exclusiveMaximum", "exclusiveMinimum", "format", "pattern"}
ALL = [pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.slow else []) for one in acceptors()]

pytestmark = pytest.mark.timeout(600)  # the first run installs the acceptors


def offering(schema: dict[str, Any], **result: Any) -> Server:
    """Return a server with one tool that has this schema. The tool is called if a result is given."""
    listed = [{"name": "complete", "description": "Asks.", "inputSchema": schema}]
    command = [sys.executable, str(PROGRAMS / "offers.py"), json.dumps(listed), json.dumps(result)]
    return Server(command, listed, {"prompt": "hi"} if result else None)


def prompt(**schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"prompt": schema}}


TEXT = [{"type": "text", "text": "hi"}]
ODD = {
    "nothing odd": offering(prompt(type="string"), content=TEXT),
    "exclusiveMinimum": offering(prompt(type="number", exclusiveMinimum=0)),
    "open pattern": offering(prompt(type="string", pattern="^https://")),
    "arguments are no object": offering({"type": "string"}),
    "structuredContent is a list": offering(prompt(type="string"), content=TEXT, structuredContent=[1]),
    "another answer": offering(prompt(type="string"), content=[{"type": "text", "text": "ho"}]),
}
CLIENTS_REFUSE = {"arguments are no object", "structuredContent is a list", "another answer"}
REFUSES = {
    "google-genai parameters": {"exclusiveMinimum"},
    "google-genai parameters_json_schema": set(),
    "openai-agents": CLIENTS_REFUSE,
    "Python SDK 1": CLIENTS_REFUSE - {"arguments are no object"},
    "Python SDK 2": CLIENTS_REFUSE,
    "TypeScript SDK 1": CLIENTS_REFUSE,
    "TypeScript SDK 2": CLIENTS_REFUSE,
    "older llama.cpp": {"open pattern"},
    "llama.cpp": {"open pattern"},
}


@functools.cache
def shown() -> Servers:
    """Return the servers of this project, and those with unusual tools."""
    return {**servers(), **ODD}


@functools.cache
def verdicts(acceptor: Acceptor) -> Verdicts:
    return acceptor.judge(shown())


@pytest.mark.slow
@pytest.mark.parametrize("acceptor", ALL)
@pytest.mark.parametrize("name", sorted(SAMPLED))
def test_a_servers_tools_are_accepted(acceptor: Acceptor, name: str) -> None:
    assert verdicts(acceptor)[name] == ACCEPTED


@pytest.mark.slow
@pytest.mark.parametrize("acceptor", ALL)
def test_an_acceptor_refuses_what_it_is_known_to_refuse(acceptor: Acceptor) -> None:
    assert {name for name in ODD if verdicts(acceptor)[name] != ACCEPTED} == REFUSES[acceptor.name]


def keywords(schema: Any) -> Iterator[str]:
    """Yield the keywords in a schema, but not the names of properties."""
    if isinstance(schema, list):
        for item in schema:
            yield from keywords(item)
    elif isinstance(schema, dict):
        yield from schema
        for key, value in schema.items():
            yield from keywords(list(value.values()) if key == "properties" else value)


@pytest.mark.parametrize("name", sorted(server_modules()))
def test_no_keyword_is_one_that_some_host_refuses(name: str) -> None:
    for tool in tools(load_provider(name)):
        assert not set(keywords(tool["inputSchema"])) & REFUSED_SOMEWHERE
