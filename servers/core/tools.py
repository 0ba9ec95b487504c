"""Define a server's tools: their names, and their entries in `tools/list`."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import sys

from mcp_models.servers.core import errors
from mcp_models.servers.core.settings import FILES_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mcp_models.servers.core.provider import Provider

COMPLETE = "complete"
LIST_MODELS = "list_models"

ALIASES = {"execute_task": COMPLETE}
"""Names that work but are not listed. `execute_task` is what Hillstar's client calls `complete`."""

PREFIX_VARIABLE = "MCP_MODELS_TOOL_PREFIX"
"""A prefix for the listed names, so that several servers can live in one host."""

_PREFIX = r"[A-Za-z0-9_-]{0,48}"  # the hosts' model APIs accept names of up to 64 of these characters


def tool_names(env: Mapping[str, str]) -> dict[str, str]:
    """Return every name that a call may use, each with its tool. The listed names come first.

    Args:
        env: The environment, which may set a prefix. One that no host would accept is ignored, with a line on stderr.
    """
    prefix = _prefix(env)
    listed = {f"{prefix}{name}": name for name in (COMPLETE, LIST_MODELS)}
    return {**listed, COMPLETE: COMPLETE, LIST_MODELS: LIST_MODELS, **ALIASES}


def tools(provider: Provider, has_tasks: bool = True) -> list[dict[str, Any]]:
    """Return the definitions of a provider's tools, in a fixed order.

    Args:
        provider: The provider.
        has_tasks: Whether the server keeps tasks between requests, so that there are `TASK_ARGUMENTS`.
    """
    complete, list_models = list(tool_names(provider.env))[:2]
    return [_complete(provider, complete, TASK_ARGUMENTS if has_tasks else ()), _list_models(provider, list_models)]


EXTRAS = ("files", "web_search")
"""Arguments that are in the schema only where the provider has what they ask for, or where the settings allow it."""


TASK_ARGUMENTS = ("conversation", "background", "task_id", "part")
"""Arguments about the call and not about the completion. Servers that keep tasks have them, and `tasks/` takes them out."""


@functools.cache
def full_schema() -> dict[str, Any]:
    """Return the schema with every argument that there is. Do not change it."""
    with open(os.path.join(os.path.dirname(__file__), "complete.schema.json"), "rb") as file:
        schema: dict[str, Any] = json.load(file)
    return schema


@functools.cache
def input_schema(tiers: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON Schema of `complete`'s arguments. It is flat and has no `$ref`, as hosts require.

    It is read from a file, because generating it from `CompletionRequest` would take longer than the handshake. A test checks
    that the two agree.

    Args:
        tiers: The values of `service_tier` that the provider has. Without any there is no such argument.
        extras: Those of `EXTRAS` and `TASK_ARGUMENTS` that there are.
    """
    whole = full_schema()
    left_out = {*EXTRAS, *TASK_ARGUMENTS} - {*extras} | ({"service_tier"} if not tiers else set())
    properties = {name: value for name, value in whole["properties"].items() if name not in left_out}
    if tiers:
        properties["service_tier"] = {**properties["service_tier"], "enum": list(tiers)}
    return {**whole, "properties": properties}


def extras(provider: Provider) -> tuple[str, ...]:
    """Return the arguments among `EXTRAS` that a provider's tool has."""
    found = ["files"] if provider.env.get(FILES_VARIABLE, "").strip() else []
    with contextlib.suppress(errors.ConfigurationError):  # the answer to a call reports it
        found += ["web_search"] if provider.searches_web() else []
    return tuple(found)


def _prefix(env: Mapping[str, str]) -> str:
    prefix = env.get(PREFIX_VARIABLE, "").strip()
    if re.fullmatch(_PREFIX, prefix):
        return prefix
    print(f"{PREFIX_VARIABLE} is ignored: expected up to 48 letters, digits, _ and -.", file=sys.stderr)
    return ""


def _complete(provider: Provider, name: str, more: tuple[str, ...]) -> dict[str, Any]:
    try:
        default = f" Default model: {provider.resolve(None)[0]}."
    except errors.ConfigurationError:  # the answer to a call reports it
        default = ""
    return {
        "name": name,
        "title": f"Ask {provider.title}",
        "description": (f"Asks a model of {provider.title} and returns its answer as text. {provider.summary}{default}"),
        "inputSchema": input_schema(tuple(provider.service_tiers), (*extras(provider), *more)),
        "annotations": _ANNOTATIONS,
        # Without this, Claude Code saves long answers to a file instead of showing them to its model.
        "_meta": {"anthropic/maxResultSizeChars": 500_000},
    }


def _list_models(provider: Provider, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"List {provider.title}'s models",
        "description": (
            f"Lists the models that {provider.title} offers now, a line each, with limits and retirement dates where known."
        ),
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
        "annotations": _ANNOTATIONS,
    }


_ANNOTATIONS = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": True}
