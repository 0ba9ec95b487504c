"""Use Anthropic's prompt cache for a long system prompt.

Writing to the cache costs 1.25 times the price of input, and reading from it a tenth. So the second call with the same system
prompt within five minutes has paid for the first. Most programs that have a long system prompt send it again and again. The
prompt itself is not marked: it differs each time, and nobody would read what was written. Nor is anything kept for an hour,
which costs twice the price.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching, read in August 2026.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHARACTERS_PER_TOKEN = 4

# The fewest tokens that Anthropic caches. The first pattern that matches the beginning of a model's name counts. Nothing is
# known yet of the 5.5 models.
_LEAST_TOKENS = (
    (r"claude-(opus|fable|mythos)-5(-\d{8})?$", 512),
    (r"claude-opus-4-7", 2048),
    (r"claude-(opus-4-[56]|haiku-4-5)", 4096),
    (r"", 1024),
)


def cached_system(text: str, model: str) -> str | list[dict[str, Any]]:
    """Return a system prompt as Anthropic takes it. One that is long enough for the cache is marked for it.

    Args:
        text: The system prompt.
        model: The model's full name.
    """
    least = next(tokens for pattern, tokens in _LEAST_TOKENS if re.match(pattern, model))
    if len(text) < least * CHARACTERS_PER_TOKEN:
        return text
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
