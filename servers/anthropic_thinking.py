"""Describe how each family of Claude models thinks, and what a reasoning effort means for it."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from mcp_models.servers.core.completion import ReasoningEffort


class Thinking:
    """How a family of models thinks.

    Args:
        efforts: The efforts that it supports.
        how: How to turn thinking on: `adaptive`, with a `budget` of tokens, or `never`.
        off: How to turn thinking off, if it is on by default.
        sends_effort: The values that it accepts for `output_config.effort`.
        by_default: Whether it thinks without being asked to.
    """

    def __init__(
        self,
        efforts: tuple[ReasoningEffort, ...],
        how: Literal["adaptive", "budget", "never"] = "adaptive",
        *,
        off: str | None = None,
        sends_effort: tuple[ReasoningEffort, ...] = (),
        by_default: bool = False,
    ) -> None:
        self.efforts, self.how, self.off = efforts, how, off
        self.sends_effort, self.by_default = sends_effort, by_default


_THREE: tuple[ReasoningEffort, ...] = ("low", "medium", "high")
_FOUR: tuple[ReasoningEffort, ...] = (*_THREE, "max")
_FIVE: tuple[ReasoningEffort, ...] = (*_THREE, "xhigh", "max")
_ALL: tuple[ReasoningEffort, ...] = ("none", "minimal", *_FIVE)

# The first pattern that matches the beginning of a model's name counts. Sources: https://platform.claude.com/docs/en/
# build-with-claude/thinking-troubleshooting, the table "Thinking support, defaults, and rejected configurations by model";
# …/effort; the pages "What's new" of the 5.5 models. Read in September to November 2026.
_THINKING: tuple[tuple[str, Thinking], ...] = (
    (r"claude-(3-5|3-(opus|sonnet|haiku)|2|instant)", Thinking((), "never")),
    (r"claude-(3-7|(opus|sonnet)-4(-[01])?(-\d{8})?$|sonnet-4-5|haiku-4-5)", Thinking(_ALL, "budget")),
    (r"claude-opus-4-5", Thinking(_ALL, "budget", sends_effort=_THREE)),
    (r"claude-(opus|sonnet)-4-6", Thinking(("none", *_FOUR), sends_effort=_FOUR)),
    (r"claude-opus-4-[78]", Thinking(("none", *_FIVE), sends_effort=_FIVE)),
    (r"claude-(opus|sonnet)-5(-\d{8})?$", Thinking(("none", *_FIVE), off="disabled", sends_effort=_FIVE, by_default=True)),
    (r"claude-haiku-5-5", Thinking(("none", *_FIVE), off="disabled", sends_effort=_FIVE, by_default=True)),
    (r"claude-sonnet-5-5", Thinking(("none", *_FIVE), off="between_tools", sends_effort=_FIVE, by_default=True)),
    (r"claude-(opus-5-5|fable|mythos)", Thinking(_FIVE, sends_effort=_FIVE, by_default=True)),
    (r"", Thinking(("none", *_FIVE), off="disabled", sends_effort=_FIVE)),  # models that we do not know yet
)

# The share of `max_tokens` to use as the budget. OpenRouter maps efforts for the same models like this:
# https://openrouter.ai/docs/use-cases/reasoning-tokens.
_BUDGET_SHARES: dict[ReasoningEffort, float] = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
LEAST_BUDGET, MOST_BUDGET = 1024, 32_000


def thinking_of(model: str) -> Thinking:
    """Return how a model thinks.

    Args:
        model: The model's full name.
    """
    return next(thinking for pattern, thinking in _THINKING if re.match(pattern, model))


def thinking_budget(effort: ReasoningEffort | None, max_tokens: int) -> int | None:
    """Return how many tokens of `max_tokens` the thinking may use, or None if there is no room for it."""
    if effort is None or max_tokens <= LEAST_BUDGET:
        return None
    return min(max_tokens - 1, max(LEAST_BUDGET, min(MOST_BUDGET, int(max_tokens * _BUDGET_SHARES[effort]))))
