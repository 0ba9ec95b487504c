"""Read Claude's messages, streamed or whole.

Source: https://platform.claude.com/docs/en/api/messages; the types of `anthropic` 2.12.
"""

from __future__ import annotations

import re

from mcp_models.servers import core
from mcp_models.servers.core import errors
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from anthropic.types import ContentBlock, Message, RawMessageStreamEvent
    from anthropic.types.citations_delta import Citation as TextCitation
    from anthropic.types.raw_message_delta_event import Delta

    from mcp_models.servers.core.completion import Citation, Completion, StopReason

# What inference in the USA only costs, which a workspace may have set: https://platform.claude.com/docs/en/about-claude/pricing.
US_ONLY, US_ONLY_SURCHARGE = "us", 1.1
PAUSED = "pause_turn"
"""The stop reason of an answer that took too many steps of the server's own tools."""

_COSTS_MORE_IN_THE_US = r"claude-(?!3|(haiku|sonnet|opus)-4(-[0-5])?(-\d{8})?$)"  # Opus 4.6 and newer models


class MessageAnswer(StreamAccumulator):
    """Collect the events of a streamed message."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {
        "end_turn": "end_turn",
        "max_tokens": "max_tokens",
        "model_context_window_exceeded": "max_tokens",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool_use",
        "refusal": "refusal",
    }

    def __init__(self, request_id: str | None) -> None:
        super().__init__(request_id)
        self.counts: dict[str, int] = {}
        self.citations: list[Citation] = []
        self.problems: list[str] = []
        self._is_after_search = False
        self.surcharge = 1.0

    def completion(self, auth_mode: str) -> Completion:
        """Return the complete answer, with the surcharge that it costs."""
        completion = super().completion(auth_mode)
        completion.citations = self.citations
        completion.warnings += self.problems
        if self.native_stop_reason == PAUSED:
            completion.notes.append("The model searched for so long that it was stopped in the middle: ask for less at once.")
        completion.surcharge = self.surcharge if re.match(_COSTS_MORE_IN_THE_US, self.model) else 1.0
        return completion

    def add(self, event: RawMessageStreamEvent) -> str | None:
        """Add an event and return the text in it.

        Raises:
            RefusalError: Claude declined to answer.
        """
        if event.type == "message_start":
            self.model = event.message.model
            self._count(event.message.usage)
        elif event.type == "content_block_start":
            self._begin(event.content_block)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            return self._add_text(event.delta.text)
        elif event.type == "content_block_delta" and event.delta.type == "citations_delta":
            self._cite(event.delta.citation)
        elif event.type == "content_block_delta" and event.delta.type == "thinking_delta":
            self.thoughts.append(event.delta.thinking)
        elif event.type == "message_delta":
            self._count(event.usage)
            self._stop(event.delta)
        return None

    def add_message(self, message: Message) -> None:
        """Add a whole message, as it stands in the results of a batch.

        Raises:
            RefusalError: Claude declined to answer.
        """
        self.model = message.model
        self._count(message.usage)
        for block in message.content:
            if block.type == "text":
                self.texts.append(block.text)
            elif block.type == "thinking":
                self.thoughts.append(block.thinking)
        self._stop(message)

    def _begin(self, block: ContentBlock) -> None:
        """Note that a search stands between two texts, and whether it failed."""
        if block.type == "web_search_tool_result":
            self._is_after_search = bool(self.texts)
            if not isinstance(block.content, list):
                self.problems.append(f"a search of the web failed: {block.content.error_code}")

    def _add_text(self, text: str) -> str:
        """Add a text, with an empty line before it if a search stands between it and what was said before."""
        if self._is_after_search and text:
            text, self._is_after_search = f"\n\n{text.lstrip()}", False
        self.texts.append(text)
        return text

    def _cite(self, citation: TextCitation) -> None:
        if citation.type == "web_search_result_location":
            self.citations.append(core.completion.Citation(citation.url, citation.title or ""))

    def _stop(self, end: Delta | Message) -> None:
        # llama.cpp gives `end_turn` as the reason after a stop sequence, but names the sequence.
        self.native_stop_reason = "stop_sequence" if end.stop_sequence else end.stop_reason or ""
        if self.native_stop_reason == "refusal":
            why = (end.stop_details.explanation or end.stop_details.category or "") if end.stop_details else ""
            raise errors.RefusalError(f"the model declined to answer. {why}", request_id=self.request_id)

    def _count(self, usage: Any) -> None:
        """Update the token counts from an event. The last value of each one counts."""
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            if (count := getattr(usage, name, None)) is not None:
                self.counts[name] = count
        details = getattr(usage, "output_tokens_details", None)
        if details is not None and getattr(details, "thinking_tokens", None) is not None:
            self.counts["thinking_tokens"] = details.thinking_tokens
        created = getattr(usage, "cache_creation", None)
        if created is not None and created.ephemeral_1h_input_tokens is not None:
            self.counts["cache_creation_1h"] = created.ephemeral_1h_input_tokens
        if (used := getattr(usage, "server_tool_use", None)) is not None:
            self.counts["web_searches"] = used.web_search_requests or 0
        self.service_tier = getattr(usage, "service_tier", None) or self.service_tier
        if getattr(usage, "inference_geo", None) == US_ONLY:
            self.surcharge = US_ONLY_SURCHARGE
        read, written = self.counts.get("cache_read_input_tokens", 0), self.counts.get("cache_creation_input_tokens", 0)
        self.usage = core.completion.Usage(
            input_tokens=self.counts.get("input_tokens", 0) + read + written,  # Anthropic counts cached tokens separately
            output_tokens=self.counts.get("output_tokens", 0),
            cache_read_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=self.counts.get("cache_creation_1h", 0),
            reasoning_tokens=self.counts.get("thinking_tokens", 0),
            web_searches=self.counts.get("web_searches", 0),
        )
