"""Define what a report says: sums, a line for each day, provider, model or host, and what is left of the budget."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

By = Literal["day", "provider", "model", "host"]

UNNAMED = "unnamed"
"""What stands for a host that did not say its name."""


class Sums(Struct, frozen=True):
    """What calls come to.

    Attributes:
        calls: Calls that were made.
        errors: Calls that failed, and those that the budget refused.
        input_tokens: Tokens of the prompts, with those from a cache.
        output_tokens: Tokens of the answers.
        cost_usd: What they cost, as far as that is known. None if it is known of none of them.
        cache_savings_usd: What prompt caches saved. Less than 0 if writing to them cost more.
        calls_of_unknown_cost: Calls that were answered and are missing from `cost_usd`.
    """

    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    cache_savings_usd: float | None
    calls_of_unknown_cost: int


class Group(Struct, frozen=True):
    """The calls of a day, a provider, a model or a host.

    Attributes:
        key: What they have in common. For a model, its provider and its name.
        sums: What they come to.
    """

    key: tuple[str, ...]
    sums: Sums

    @property
    def name(self) -> str:
        """Return the key for people."""
        return "/".join(self.key) or UNNAMED


class CapUse(Struct, frozen=True):
    """What has been used of a cap of the budget.

    Attributes:
        cap: The cap, as it stands in MCP_MODELS_BUDGET.
        who: The provider or host, if the cap is for each. None if it is for all, or if nobody has used it.
        unit: What the numbers count: dollars or calls.
        amount: The cap.
        spent: What ended calls came to.
        reserved: What calls in flight may come to at most.
        left: What remains. It may be less than 0 if the cap was lowered.
        frees_at: When the period ends, in seconds since 1970.
    """

    cap: str
    who: str | None
    unit: Literal["usd", "calls"]
    amount: float
    spent: float
    reserved: float
    left: float
    frees_at: float


class Report(Struct, frozen=True):
    """A report on the calls of a period.

    Attributes:
        by: What the groups are.
        since: When the period began, in seconds since 1970.
        until: When it ended: when the report was made.
        groups: Days in their order, others with the dearest first.
        total: The sums over all of them.
        budget: The caps. None if there is no budget.
    """

    by: By
    since: float
    until: float
    groups: list[Group]
    total: Sums
    budget: list[CapUse] | None
