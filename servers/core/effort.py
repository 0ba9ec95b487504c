"""Pick the reasoning effort to send: the one asked for, or the nearest one that the model supports."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from mcp_models.servers.core.completion import ReasoningEffort

EFFORTS: tuple[ReasoningEffort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

# The step from "none" to "minimal" is the largest: not thinking at all differs in kind from thinking a little.
_RANKS: dict[ReasoningEffort, int] = {"none": -2, "minimal": 1, "low": 2, "medium": 3, "high": 4, "xhigh": 5, "max": 6}

# Match the last list in a message: the part after "Supported values are:", not the one after "Unsupported value:".
_LIST = r"(?is).*(?:\b(?:supported|valid|allowed)\b[^:\[(]*[:\[(]|\b(?:should|must) be\b)(.*)"


def nearest(asked: ReasoningEffort, available: Collection[ReasoningEffort]) -> ReasoningEffort:
    """Return the available effort that is nearest to the one asked for. If two are equally near, return the lower one.

    Args:
        asked: What the caller wants.
        available: The efforts that the model supports, at least one.
    """
    return min(available, key=lambda effort: (abs(_RANKS[effort] - _RANKS[asked]), _RANKS[effort]))


def efforts_named(text: str) -> list[ReasoningEffort]:
    """Return the efforts that a refusal lists as supported.

    For "Unsupported value: 'minimal'. Supported values are: 'low' and 'high'." that is low and high.

    Args:
        text: The provider's message.
    """
    listed = re.search(_LIST, text)
    words = re.findall(r"\w+", listed[1].lower()) if listed else []
    return [effort for effort in EFFORTS if effort in words]
