"""Picks the reasoning effort to send: the one that was asked for, or the nearest that a model has."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from mcp_models.servers.core.completion import ReasoningEffort

EFFORTS: tuple[ReasoningEffort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

# Not to think at all is further from thinking a little than any two neighbours are from each other.
_RANKS: dict[ReasoningEffort, int] = {"none": -2, "minimal": 1, "low": 2, "medium": 3, "high": 4, "xhigh": 5, "max": 6}

# The last list in a sentence: of "Unsupported value: …" it is the one after "Supported values are:".
_LIST = r"(?is).*(?:\b(?:supported|valid|allowed)\b[^:\[(]*[:\[(]|\b(?:should|must) be\b)(.*)"


def nearest(asked: ReasoningEffort, available: Collection[ReasoningEffort]) -> ReasoningEffort:
    """Return the available effort that is nearest to the one asked for; of two that are equally near, the lower one.

    Args:
        asked: What the caller wants.
        available: What the model has; at least one.
    """
    return min(available, key=lambda effort: (abs(_RANKS[effort] - _RANKS[asked]), _RANKS[effort]))


def efforts_named(text: str) -> list[ReasoningEffort]:
    """Return the efforts that a refusal lists as supported: "… 'minimal' … Supported values are: 'low' and 'high'."

    Args:
        text: The provider's words.
    """
    listed = re.search(_LIST, text)
    words = re.findall(r"\w+", listed[1].lower()) if listed else []
    return [effort for effort in EFFORTS if effort in words]
