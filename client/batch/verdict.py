"""Decide what a result means for its row and for the batch: it counts, it is asked again, all wait, or the batch ends."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from mcp_models.client.completion_result import CompletionResult

MOST_TRIES = 5
"""How often a row is asked if the provider fails. Refusals for a passing reason are not counted."""

LONG_SECONDS = 30.0
"""From here on, a wait that the provider asks for is a pause that people are told of."""

SERVER_ENDED: Literal["internal"] = "internal"
"""The type of a failure whose call is lost because the server ended. It is `retryable`, as no other of this type is."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0

_FOR_NOW = frozenset({"rate_limit", "overloaded", "connection"})
_FOR_EVERY_ROW = frozenset({"configuration", "authentication", "billing"})
_FOR_THE_MODEL = frozenset({"model_not_found", "permission"})
_MAY_BE_CHARGED = frozenset({"timeout", "provider_error", "internal", "refusal", "content_filter", "empty_output"})


class Verdict(Struct, frozen=True):
    """What to do.

    Attributes:
        action: `settle` the row, ask it `again`, or `stop` the batch.
        wait: How many seconds to wait before the row is asked again.
        hold: How many seconds all rows wait.
        is_refusal: Whether the provider has too much to do, so that all go slower.
        may_be_charged: Whether the call may have cost something that nobody knows.
    """

    action: Literal["settle", "again", "stop"]
    wait: float = 0.0
    hold: float = 0.0
    is_refusal: bool = False
    may_be_charged: bool = False


SETTLED = Verdict("settle")


def judge(result: CompletionResult, tries: int, troubles: int, has_own_model: bool) -> Verdict:
    """Return what to do about a result.

    Args:
        result: What came of the call.
        tries: How often the row was asked in vain before.
        troubles: How many calls were refused in a row, over all rows.
        has_own_model: Whether the row itself names the model.
    """
    if result["output"] is not None:
        return SETTLED
    kind, after = result["error_type"], result["retry_after"]
    if kind in _FOR_NOW and result["retryable"] and not result["partial"]:
        return Verdict("again", _backoff(troubles), _hold(kind, after, troubles), is_refusal=True)
    if kind == "billing" and result["retryable"]:
        return Verdict("again", hold=after or _backoff(troubles), is_refusal=True)
    if kind in _FOR_EVERY_ROW or (kind in _FOR_THE_MODEL and not has_own_model):
        return Verdict("stop")
    if kind == SERVER_ENDED and result["retryable"] and tries + 1 < MOST_TRIES:
        return Verdict("again", _backoff(tries), may_be_charged=True)
    if may_be_charged(result):
        return Verdict("settle", may_be_charged=True)
    if result["retryable"] and tries + 1 < MOST_TRIES:
        return Verdict("again", after or _backoff(tries))
    return SETTLED


def may_be_charged(failure: Mapping[str, Any]) -> bool:
    """Return whether a failed call may have cost something. It has not if the provider itself said that it failed."""
    if failure["status"] is not None and not failure["partial"]:
        return False
    return bool(failure["partial"]) or failure["error_type"] in _MAY_BE_CHARGED


def _hold(kind: str, after: float | None, troubles: int) -> float:
    """Return how long all rows wait: as the provider says, and longer and longer if it cannot be reached."""
    if after is not None:
        return after
    return _backoff(troubles) if kind == "connection" else 0.0


def _backoff(count: int) -> float:
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(count, 10))
    return random.uniform(longest / 2, longest)
