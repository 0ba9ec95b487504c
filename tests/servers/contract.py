"""Make calls for the tests of every provider, through the real server process, and return their records."""

from __future__ import annotations

import os
from typing import Any

from tests.fakes.provider import FakeProvider
from tests.peer import SECONDS, Peer, call


def server_of(fake: FakeProvider) -> Peer:
    """Start a server that reaches the fake, and tries nothing again."""
    return Peer(fake.provider, env={**os.environ, **fake.environment(), "MCP_MODELS_MAX_RETRIES": "0"})


def ask(provider: str, **arguments: Any) -> dict[str, Any]:
    """Start a new server, make one call, and return its record.

    Returns:
        The record of the completion or of the error, with `text`, `is_error` and `stderr` added.
    """
    with Peer(provider) as server:
        return ask_again(server, **arguments)


def ask_again(server: Peer, seconds: float = SECONDS, **arguments: Any) -> dict[str, Any]:
    """Make one more call to a running server, wait this many seconds for it at most, and return its record."""
    arguments = {"prompt": "Hello?", **arguments}
    if "messages" in arguments:
        del arguments["prompt"]
    result = server.ask(call(1, arguments), seconds)["result"]
    meta = result["_meta"]
    return {
        **meta.get("mcp-models/completion", {}),
        **meta.get("mcp-models/error", {}),
        "text": result["content"][0]["text"],
        "is_error": result["isError"],
        "structured": result.get("structuredContent", meta.get("mcp-models/completion", {}).get("structured")),
        "note": result["content"][1]["text"].strip() if len(result["content"]) > 1 else None,
    }
