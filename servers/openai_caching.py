"""Use OpenAI's prompt cache where it is free, or where it pays for itself.

Up to GPT-5.5, writing to the cache is free, and a key is all it takes. From GPT-5.6 on a write costs 1.25 times the price of
input. By itself OpenAI writes the whole prompt, up to its newest message, and finds it again only if that is the same. So a
lone prompt would pay for a write that no later call reads. We ask for that only in a conversation, which the next call goes on
with. The end of a long system prompt is marked, as many calls share it: the second one within half an hour has paid for it.

Source: https://developers.openai.com/api/docs/guides/prompt-caching; the types of `openai` 3.54; openai/codex#35300.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mcp_models.servers.core.completion import CompletionRequest

CACHEABLE_CHARACTERS = 4 * 1024
"""OpenAI caches prompts of 1,024 tokens and more. A token has about four characters."""

_WRITES_COST = r"gpt-(5\.([6-9]|\d\d)|[6-9]|\d\d)"
_BREAKPOINT = {"mode": "explicit"}


def add_to_responses(payload: dict[str, Any], request: CompletionRequest) -> None:
    """Add the fields for the cache to a request to the Responses API.

    Args:
        payload: The request in OpenAI's terms. `instructions` become a message, as only its parts can be marked.
        request: The same request in ours. Its `cache_key` must be set.
    """
    _add(payload, request)
    if _marks_system(request):
        text = {"type": "input_text", "text": payload.pop("instructions"), "prompt_cache_breakpoint": _BREAKPOINT}
        payload["input"] = [{"type": "message", "role": "developer", "content": [text]}, *payload["input"]]


def add_to_chat(payload: dict[str, Any], request: CompletionRequest) -> None:
    """Add the fields for the cache to a request to Chat Completions.

    Args:
        payload: The request in OpenAI's terms.
        request: The same request in ours. Its `cache_key` must be set.
    """
    _add(payload, request)
    if _marks_system(request):
        system = payload["messages"][0]
        system["content"] = [{"type": "text", "text": system["content"], "prompt_cache_breakpoint": _BREAKPOINT}]


def _add(payload: dict[str, Any], request: CompletionRequest) -> None:
    payload["prompt_cache_key"] = request.cache_key
    if _writes_cost(request) and len(request.turns) == 1:
        payload["prompt_cache_options"] = {"mode": "explicit"}


def _marks_system(request: CompletionRequest) -> bool:
    return _writes_cost(request) and len(request.system or "") >= CACHEABLE_CHARACTERS


def _writes_cost(request: CompletionRequest) -> bool:
    return re.match(_WRITES_COST, request.model or "") is not None
