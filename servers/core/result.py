"""Turn a `Completion` or a `CompletionError` into MCP's `CallToolResult`."""

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

MOST_CITATIONS = 50
"""The most pages that are listed."""

LONGEST_URL = 4096
"""The most characters of a page's address. One with more is left out, as half an address leads nowhere."""

LONGEST_TITLE = 200
"""The most characters of a page's title in a note."""


def completion_result(completion: Completion) -> dict[str, Any]:
    """Return the result with the text in `content`, once, and everything known about it in `_meta`.

    Hosts do not show `_meta` to their model, so notes for the model go into a second block. It begins with a blank line, as
    some hosts join the blocks. `structuredContent` is used only for an object, because clients of the legacy era discard a
    result with anything else there, and only without notes, because several hosts then show nothing but `structuredContent`.

    The pages that an answer cites are a note, too. As resource links they would be lost in opencode and Copilot CLI, and
    langchain's adapter for OpenAI fails at one, so that the whole answer is lost (seen in November 2026).
    """
    fields = msgspec.to_builtins(completion)
    text, structured, notes = fields.pop("text"), fields.pop("structured", UNSET), fields.pop("notes")
    del fields["surcharge"]
    fields["citations"] = _cited(fields["citations"])
    if fields["citations"]:
        notes.append(_sources(fields["citations"]))
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


def _cited(citations: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the pages, each once, without what is no address of a page: an answer that is paid for must not fail for that."""
    pages: dict[str, dict[str, str]] = {}
    for url, title in ((each["url"], each["title"]) for each in citations):
        if isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) <= LONGEST_URL:
            pages.setdefault(url, {"url": url, "title": title if isinstance(title, str) else ""})
    return [*pages.values()][:MOST_CITATIONS]


def _sources(citations: list[dict[str, str]]) -> str:
    pages = [" ".join(f"{each['title'][:LONGEST_TITLE]} {each['url']}".split()) for each in citations]
    return "Sources: " + "; ".join(f"{number}. {page}" for number, page in enumerate(pages, 1))


def models_result(models: list[ModelInfo]) -> dict[str, Any]:
    """Return the result of `list_models`: one line per model in `content`, and the list for programs in `_meta`."""
    return {
        "content": [{"type": "text", "text": catalogue.as_text(models)}],
        "isError": False,
        "_meta": {META_MODELS: catalogue.as_record(models)},
    }


def error_result(error: CompletionError, provider: str, title: str, model: str | None, partial: str) -> dict[str, Any]:
    """Return the result of a failed call: one sentence in `content` that says what to do, and the details in `_meta`.

    Args:
        error: What went wrong.
        provider: The provider's name.
        title: The provider's name for people. The sentence begins with it.
        model: The model that was asked, if that is known.
        partial: The text that had arrived before the failure.
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
        "request_id": error.request_id and redact_values(error.request_id),  # a proxy may echo the key in it
        "partial": redact_values(partial) or None,
    }
    return {"content": [{"type": "text", "text": sentence}], "isError": True, "_meta": {META_ERROR: details}}
