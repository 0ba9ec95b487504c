"""Owns the definitions of a server's tools, as `tools/list` shows them."""

from __future__ import annotations

from typing import Any

from mcp_models.servers.core.arguments import input_schema
from mcp_models.servers.core.provider import Provider


def tools(provider: Provider) -> list[dict[str, Any]]:
    """The tools of a provider's server, in a fixed order."""
    return [_complete(provider), _list_models(provider)]


def _complete(provider: Provider) -> dict[str, Any]:
    model, _ = provider.resolve(None)
    return {
        "name": "complete",
        "title": f"Ask {provider.title}",
        "description": (
            f"Sends a prompt to {provider.title} and returns the model's answer as text. {provider.summary} "
            f"Model if none is named: {model}. "
            "Stop reason, token usage and cost come back in the result's _meta."
        ),
        "inputSchema": input_schema(),
        "annotations": _annotations(f"Ask {provider.title}"),
        # Claude Code saves a longer text to a file unless the tool says how much it may return.
        "_meta": {"anthropic/maxResultSizeChars": 500_000},
    }


def _list_models(provider: Provider) -> dict[str, Any]:
    title = f"List {provider.title}'s models"
    return {
        "name": "list_models",
        "title": title,
        "description": (
            f"Lists the models that {provider.title} offers now, a line each, with context and output limits and the date "
            "of retirement where the provider tells them. Use a name from it as the argument `model` of `complete`."
        ),
        "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
        "annotations": _annotations(title),
    }


def _annotations(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": True,
    }
