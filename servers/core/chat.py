"""Owns what the providers share that speak Chat Completions or nearly so: the messages, and the words for the end."""

from __future__ import annotations

from mcp_models.servers import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mcp_models.servers.core.completion import CompletionRequest, Message, StopReason

STOP_REASONS: dict[str, StopReason] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def messages(request: CompletionRequest) -> list[dict[str, Any]]:
    """The system prompt and the turns as `messages`."""
    system = [{"role": "system", "content": request.system}] if request.system is not None else []
    return [*system, *({"role": turn.role, "content": _content(turn)} for turn in request.turns)]


def _content(turn: Message) -> str | list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return turn.content
    return [
        {"type": "image_url", "image_url": {"url": part.url}}
        if isinstance(part, core.completion.ImagePart)
        else {"type": "text", "text": part.text}
        for part in turn.content
    ]
