"""Share what all providers with a Chat Completions-like API need: messages, stop reasons, and thinking in tags."""

from __future__ import annotations

from mcp_models.servers import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, Message, StopReason

STOP_REASONS: dict[str, StopReason] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


DOCUMENT_NAME = "document.pdf"
"""The name of a document, where a provider wants one."""


def file_part(part: DocumentPart) -> dict[str, Any]:
    """Return a document as OpenAI's Chat Completions take it.

    Raises:
        InvalidRequestError: It is not given as a `data:` URI.
    """
    core.http.data_uri(part.url, "Chat Completions", "document")
    return {"type": "file", "file": {"filename": DOCUMENT_NAME, "file_data": part.url}}


def messages(
    request: CompletionRequest, document: Callable[[DocumentPart], dict[str, Any]] = file_part
) -> list[dict[str, Any]]:
    """Return the request's system prompt and turns as Chat Completions `messages`.

    Args:
        request: The request.
        document: Returns a document in the provider's form.
    """
    system = [{"role": "system", "content": request.system}] if request.system is not None else []
    return [*system, *({"role": turn.role, "content": _content(turn, document)} for turn in request.turns)]


def _content(turn: Message, document: Callable[[DocumentPart], dict[str, Any]]) -> str | list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return turn.content
    parts: list[dict[str, Any]] = []
    for part in turn.content:
        if isinstance(part, core.completion.TextPart):
            parts.append({"type": "text", "text": part.text})
        elif isinstance(part, core.completion.ImagePart):
            parts.append({"type": "image_url", "image_url": {"url": part.url}})
        else:
            parts.append(document(part))
    return parts


def grammar_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Translate a JSON Schema for llama.cpp's grammars, which Ollama uses too. They need a `pattern` anchored at both ends.

    Source: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md#json-schemas--gbnf.
    """
    from mcp_models.servers.core.json_schema import Dialect, translate

    return translate(schema, Dialect(keywords=_GRAMMAR_KEYWORDS, anchored=True))


_GRAMMAR_KEYWORDS = frozenset(
    {"additionalProperties", "allOf", "format", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"}
    | {"maxItems", "minItems", "maxLength", "minLength", "prefixItems"}
)


class ThinkTags:
    """Split thinking from text when a server leaves the model's `<think>` tags in the answer.

    Only a tag at the very start of the answer counts. Later ones are part of what the model says.
    """

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._is_leading = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Add a piece of the answer, and return the thinking and the text that are now certain."""
        self._held += piece
        if self._state == "start":
            self._begin()
        if self._state == "start":
            return "", ""
        return self._think() if self._state == "thinking" else ("", self._text())

    def rest(self) -> tuple[str, str]:
        """Return what is still held back. Call it when the answer has ended."""
        return (self._released(len(self._held)), "") if self._state == "thinking" else ("", self._text())

    def _begin(self) -> None:
        text = self._held.lstrip()
        if text.startswith(self.OPEN):
            self._state, self._held = "thinking", text[len(self.OPEN) :]
        elif not self.OPEN.startswith(text):
            self._state = "text"

    def _think(self) -> tuple[str, str]:
        thought, close, text = self._held.partition(self.CLOSE)
        if close:
            self._state, self._held, self._is_leading = "text", text, True
            return thought, self._text()
        keep = next((size for size in range(len(self.CLOSE) - 1, 0, -1) if self._held.endswith(self.CLOSE[:size])), 0)
        return self._released(len(self._held) - keep), ""

    def _text(self) -> str:
        """Return the held text, without the blank lines that follow the thinking."""
        text = self._released(len(self._held))
        text = text.lstrip() if self._is_leading else text
        self._is_leading = self._is_leading and not text
        return text

    def _released(self, size: int) -> str:
        released, self._held = self._held[:size], self._held[size:]
        return released
