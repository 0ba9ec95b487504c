"""Shapes a tool's result: a `Completion` or a `CompletionError` as MCP's `CallToolResult`."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from mcp_models.servers.core import catalogue
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.completion import Completion
from mcp_models.servers.core.errors import CompletionError
from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR, META_MODELS
from mcp_models.servers.core.redaction import redact, redact_record, redact_values


def completion_result(completion: Completion) -> dict[str, Any]:
    """Return the text in `content`, once, and everything known about it in `_meta`.

    Hosts do not show their model `_meta`, so what it must know comes as a second block, set apart by a blank line as some
    hosts join the blocks. Several hosts show `structuredContent` and nothing else, and clients of the legacy era throw a
    result away if it is not an object: so it holds an object only, and only if there is no second block.
    """
    fields = msgspec.to_builtins(completion)
    text, structured, notes = fields.pop("text"), fields.pop("structured", UNSET), fields.pop("notes")
    fields["tokens_used"] = completion.usage.total
    result: dict[str, Any] = {"content": [{"type": "text", "text": redact_values(text)}], "isError": False}
    if notes:
        note = redact_values(f"\n\n[{' '.join(notes)}]")
        result["content"].append({"type": "text", "text": note, "annotations": {"audience": ["assistant"]}})
    if isinstance(structured, dict) and not notes:
        result["structuredContent"] = redact_record(structured)
    elif structured is not UNSET:
        fields["structured"] = structured
    return {**result, "_meta": {META_COMPLETION: redact_record(fields)}}


def models_result(models: list[ModelInfo]) -> dict[str, Any]:
    """Return a line a model in `content`, and the list in `_meta`."""
    return {
        "content": [{"type": "text", "text": catalogue.as_text(models)}],
        "isError": False,
        "_meta": {META_MODELS: catalogue.as_record(models)},
    }


def error_result(error: CompletionError, provider: str, title: str, model: str | None, partial: str) -> dict[str, Any]:
    """Return one sentence in `content` that says what to do, and the details in `_meta`.

    Args:
        error: What went wrong.
        provider: The provider's name.
        title: The provider's name for people, which begins the sentence.
        model: The model that was asked, if that was settled.
        partial: The text that had come before.
    """
    sentence = redact(" ".join(f"{title}: {error.message} {error.advice}".split()))
    details = {
        "type": error.type,
        "message": sentence,
        "provider": provider,
        "model": model,
        "status": error.status,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "request_id": error.request_id and redact_values(error.request_id),  # a proxy may echo the key there
        "partial": redact_values(partial) or None,
    }
    return {"content": [{"type": "text", "text": sentence}], "isError": True, "_meta": {META_ERROR: details}}
