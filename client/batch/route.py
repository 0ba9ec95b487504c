"""Choose how a batch's rows are asked: by the standard tier, by a cheaper one, or by the provider's Batch API."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Literal

from mcp_models.client.batch.errors import BatchError
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.settings import BUDGET_VARIABLE

Route = Literal["standard", "flex", "batch"]

BATCH_SHARE = 0.5
"""What a Batch API costs, times the standard price. It is the same for OpenAI, Anthropic, Mistral and Gemini."""

JOB_SECONDS = 24 * 3600.0
"""Within which time the Batch APIs answer."""

FLEX_SECONDS = 3600.0
"""How much time there must be for `flex`, whose answers take up to a quarter of an hour each."""

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def has_jobs(adapter: Provider) -> bool:
    """Return whether a provider has a Batch API, without connecting to anything."""
    return type(adapter).batch_jobs is not Provider.batch_jobs


def deadline(text: str, now: float) -> float:
    """Return the moment that `--by` names, in seconds since 1970: `90m`, `6h`, `2d`, or a date and time in ISO 8601.

    Raises:
        BatchError: It names none, or one that has passed.
    """
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text.strip()):
        return now + float(found[1]) * _UNITS[found[2]]
    try:
        moment = datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise BatchError(f"--by: expected 90m, 6h, 2d or a time such as 2026-11-25T08:00, got {text!r}") from None
    if moment <= now:
        raise BatchError(f"--by: {text} has passed")
    return moment


def choose(asked: str, adapter: Provider, by: float | None, now: float | None = None) -> Route:
    """Return the route to take: the one that was asked for, or the cheapest that meets the deadline.

    Args:
        asked: `standard`, `flex`, `batch` or `auto`.
        adapter: The provider.
        by: The deadline in seconds since 1970, or None.
        now: The present time.

    Raises:
        BatchError: The provider does not have the route.
    """
    has_budget = bool(adapter.env.get(BUDGET_VARIABLE, "").strip())
    if asked == "batch" and has_budget:
        raise BatchError(f"{BUDGET_VARIABLE} cannot watch over jobs: use --max-cost instead of it, or --route standard")
    left = float("inf") if by is None else by - (time.time() if now is None else now)
    has_flex = "flex" in adapter.service_tiers
    if asked == "flex" and not has_flex:
        raise BatchError(f"{adapter.title} has no service tier `flex`: use --route standard")
    if asked == "batch" and not has_jobs(adapter):
        raise BatchError(f"{adapter.title} has no Batch API that this program can use: use --route standard")
    if asked == "flex":
        return "flex"
    if asked in ("batch", "auto") and has_jobs(adapter) and not has_budget and left >= JOB_SECONDS:
        return "batch"
    if asked == "auto" and has_flex and left >= FLEX_SECONDS:
        return "flex"
    return "standard"
