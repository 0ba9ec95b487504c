"""Print a table of results: the same calls through every server, with a fake for each one that needs a provider.

`bash run_with_env.sh -m tests.matrix` prints it. It shows how the servers handle the documented answers of their providers.
Nothing here talks to a provider.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from mcp_models.servers import server_modules
from tests.fakes import FAKES, PRESET_FAKES
from tests.fakes.provider import FakeProvider
from tests.peer import Peer, call, request

TEXT_PART = {"type": "text", "text": "Look:"}
IMAGE = {"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="}
PDF = {"type": "document", "url": "data:application/pdf;base64,JVBERi0="}
TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}

# This has what some providers' dialects lack: an optional property, bounds, definitions, and no `additionalProperties`.
PORTABLE = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "minimum": 1},
        "b": {"type": "array", "items": {"$ref": "#/$defs/B"}, "minItems": 2},
    },
    "required": ["a"],
    "$defs": {"B": {"type": "string", "pattern": "x"}},
}

Prepare = Callable[[FakeProvider], Any]

# Each call has a name, arguments, and a function that prepares the fake for it.
CALLS: list[tuple[str, dict[str, Any], Prepare | None]] = [
    ("plain", {"prompt": "Hello?"}, None),
    ("turns + system", {"messages": TURNS, "system": "Be brief."}, None),
    ("image", {"messages": [{"role": "user", "content": [TEXT_PART, IMAGE]}]}, None),
    ("document", {"messages": [{"role": "user", "content": [TEXT_PART, PDF]}]}, None),
    ("temperature 0", {"prompt": "Hello?", "temperature": 0}, None),
    ("top_p, stop, seed", {"prompt": "Hello?", "top_p": 0.5, "stop": ["END"], "seed": 1}, None),
    ("reasoning_effort", {"prompt": "Hello?", "reasoning_effort": "low"}, None),
    ("effort max", {"prompt": "Hello?", "reasoning_effort": "max"}, None),
    (
        "response_schema",
        {"prompt": '{"a": 1}', "response_schema": SCHEMA},
        lambda fake: fake.script(fake.text(None, '{"a": 1}')),
    ),
    (
        "portable schema",
        {"prompt": '{"a": 1}', "response_schema": PORTABLE},
        lambda fake: fake.script(fake.text(None, '{"a": 1}')),
    ),
    (
        "max_tokens",
        {"prompt": "Hello again?", "max_tokens": 1},
        lambda fake: fake.script(fake.text(None, "He", stop="max_tokens")),
    ),
    ("rate limit", {"prompt": "Hello?"}, lambda fake: fake.script(fake.error(429, "slow down", retry_after="7"))),
    ("too long", {"prompt": "word " * 50}, lambda fake: fake.script(fake.too_long())),
    ("unknown model", {"prompt": "Hello?", "model": "nope"}, lambda fake: fake.script(fake.unknown_model())),
]


def main() -> None:
    """Print the table, with one column per provider."""
    fakes = {fake.provider: fake for fake in reversed([*FAKES, *PRESET_FAKES])}
    columns = {name: results(name, fakes.get(name)) for name in server_modules()}
    print("| call | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row, name in enumerate([*(name for name, _, _ in CALLS), "list_models"]):
        print(f"| {name} | " + " | ".join(column[row] for column in columns.values()) + " |")
    if any(not cell for column in columns.values() for cell in column):
        sys.exit("a cell is empty")


def results(provider: str, fake_class: type[FakeProvider] | None) -> list[str]:
    """Return the results of all calls through a provider's server."""
    with fake_class() if fake_class else nullcontext() as fake:
        settings = {**fake.environment(), "MODEL_DEFAULT": fake.model} if fake else {}
        with Peer(provider, env={**os.environ, **settings, "MCP_MODELS_MAX_RETRIES": "0"}) as server:
            cells = []
            for _, arguments, prepare in CALLS:
                if fake:
                    fake.forget()
                    if prepare:
                        prepare(fake)
                cells.append(cell(server.ask(call(1, arguments))["result"]))
            listed = server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
            return [*cells, f"{len(listed['_meta']['mcp-models/models'])} models"]


def cell(result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    meta = result["_meta"]
    if result["isError"]:
        error = meta["mcp-models/error"]
        wait = f" ({error['retry_after']:g} s)" if error["retry_after"] else ""
        return f"{error['type']}{wait}"
    record = meta["mcp-models/completion"]
    dropped = f", dropped {' '.join(record['dropped_params'])}" if record["dropped_params"] else ""
    parsed = ", parsed" if "structuredContent" in result or "structured" in record else ""
    effort = next((f", effort {warning.split()[-3]}" for warning in record["warnings"] if "reasoning_effort" in warning), "")
    return f"{record['stop_reason']} {record['tokens_used']} tokens{parsed}{effort}{dropped}"


if __name__ == "__main__":
    main()
