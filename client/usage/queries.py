"""Ask the ledger. The SQL is in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from mcp_models.client.usage.report import By, CapUse, Group, Report, Sums
from mcp_models.servers.core.ledger.budget import Budget, Cap
from mcp_models.servers.core.ledger.row import NANO, iso
from mcp_models.servers.core.ledger.schema import LATENCIES, SUMS
from mcp_models.servers.core.ledger.store import FREE_SECONDS, Store

KEYS: dict[By, tuple[str, ...]] = {
    "day": ("day",),
    "provider": ("provider",),
    "model": ("provider", "model"),
    "host": ("host",),
}
"""The columns that tell groups apart, as a program gets them."""

_COLUMNS = {"model": "answered", "host": "COALESCE(host, '')"}  # the others have their names in `calls_by_time`

_ORDERS = {"day": "day"}
DEAREST_FIRST = "COALESCE(cost_usd, 0) DESC, calls DESC"


class Latency(Struct, frozen=True):
    """How long the answers of a model took, in milliseconds: the median, the 95th and the 99th percentile, and the longest."""

    provider: str
    model: str
    calls: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    max_ms: int


class ModelDay(Struct, frozen=True):
    """What a model cost on a day."""

    day: str
    provider: str
    model: str
    cost_usd: float


class ErrorCount(Struct, frozen=True):
    """How often calls failed with a type of error."""

    error_type: str
    errors: int


def report(store: Store, by: By, since: float, budget: Budget | None) -> Report:
    """Return a report on the calls since a time, in seconds since 1970.

    Raises:
        StoreError: The database cannot be used.
    """
    now = store.now()
    total = groups(store, (), since)[0].sums
    uses = None if budget is None else budget_use(store, budget, now)
    return Report(by, since, now, groups(store, KEYS[by], since, _ORDERS.get(by, DEAREST_FIRST)), total, uses)


def groups(store: Store, keys: tuple[str, ...], since: float, order: str = "calls") -> list[Group]:
    """Return the sums for each value of the keys. Without keys, return one group of everything."""
    names = ", ".join(Sums.__struct_fields__)
    columns = "".join(f"{_COLUMNS.get(key, key)} AS {key}, " for key in keys)
    grouped = f"GROUP BY {', '.join(_COLUMNS.get(key, key) for key in keys)}" if keys else ""
    ordered = ", ".join([order, *keys])
    found = store.execute(
        f"SELECT {''.join(f'{key}, ' for key in keys)}{names} FROM "
        f"(SELECT {columns}{SUMS} FROM calls_by_time WHERE started_at >= ? {grouped}) AS sums ORDER BY {ordered}",
        [iso(since)],
    )
    return [Group(tuple(map(str, row[: len(keys)])), _sums(row[len(keys) :])) for row in found]


def cost_by_day_and_model(store: Store, since: float) -> list[ModelDay]:
    """Return what each model cost on each day, if it cost something."""
    found = store.execute(
        "SELECT day, provider, answered, SUM(cost_usd) FROM calls_by_time WHERE started_at >= ? AND cost_usd > 0 "
        "GROUP BY day, provider, answered ORDER BY day, provider, answered",
        [iso(since)],
    )
    return [ModelDay(day, provider, model, float(cost)) for day, provider, model, cost in found]


def latencies(store: Store, since: float, most: int) -> list[Latency]:
    """Return how long answers took, as the view `latency_by_model` does, for the models with the most calls."""
    found = store.execute(
        f"{LATENCIES.format(period=' AND started_at >= ?')} ORDER BY calls DESC, provider, model LIMIT ?",
        [iso(since), most],
    )
    return [Latency(provider, model, *map(int, numbers)) for provider, model, *numbers in found]


def errors(store: Store, since: float) -> list[ErrorCount]:
    """Return how often calls failed, with the most frequent type first."""
    found = store.execute(
        "SELECT error_type, COUNT(*) AS errors FROM calls_by_time WHERE error_type IS NOT NULL AND started_at >= ? "
        "GROUP BY error_type ORDER BY errors DESC, error_type",
        [iso(since)],
    )
    return [ErrorCount(error_type, int(count)) for error_type, count in found]


def is_empty(store: Store) -> bool:
    """Return whether no call has ever been recorded."""
    return not store.execute("SELECT 1 FROM calls LIMIT 1")


def budget_use(store: Store, budget: Budget, now: float) -> list[CapUse]:
    """Return what has been used of each cap: a line for all, or one for each provider or host that has used it."""
    return [_cap_use(store, cap, who, now) for cap in budget.caps for who in _users(store, cap, now)]


def _cap_use(store: Store, cap: Cap, who: str | None, now: float) -> CapUse:
    used = store.used(cap, who, now)
    left = cap.amount - used.spent - used.reserved
    amount, spent, reserved, left_over = (
        number / NANO if cap.unit == "usd" else number for number in (cap.amount, used.spent, used.reserved, left)
    )
    return CapUse(cap.text, who, cap.unit, amount, spent, reserved, left_over, cap.ends(now))


def _users(store: Store, cap: Cap, now: float) -> list[str | None]:
    """Return who has used a cap in its present period. Nobody in particular if it is one for all, or not used yet."""
    if cap.per is None:
        return [None]
    begins = cap.begins(now)
    found = store.execute(
        f"SELECT {cap.per} FROM hourly_totals WHERE hour >= ? UNION "
        f"SELECT {cap.per} FROM reservations WHERE started >= ? AND expires >= ? ORDER BY 1",
        [int(begins // 3600), begins, now - FREE_SECONDS],
    )
    return [who for (who,) in found] or [None]


def _sums(row: tuple[Any, ...]) -> Sums:
    """Return the sums in a row. PostgreSQL adds up in decimals, and both give NULL as the sum of nothing."""
    calls, failed, tokens_in, tokens_out, cost, saved, unknown = row
    return Sums(
        calls=int(calls or 0),
        errors=int(failed or 0),
        input_tokens=int(tokens_in or 0),
        output_tokens=int(tokens_out or 0),
        cost_usd=None if cost is None else float(cost),
        cache_savings_usd=None if saved is None else float(saved),
        calls_of_unknown_cost=int(unknown or 0),
    )
