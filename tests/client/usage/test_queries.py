"""What the ledger is asked, in SQLite and in PostgreSQL: the sums against a count of the same rows in Python."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from mcp_models.client.usage import queries
from mcp_models.client.usage.queries import ErrorCount, Latency, ModelDay
from mcp_models.client.usage.report import By, Sums
from mcp_models.servers.core.ledger.budget import Budget, parse_budget
from mcp_models.servers.core.ledger.row import NANO, Row, iso
from mcp_models.servers.core.ledger.store import Reservation, Store
from tests.client.usage.rows import DAY, NOON, month, row

SINCE = NOON - 6 * DAY


def budget(text: str) -> Budget:
    parsed = parse_budget(text)
    assert parsed is not None
    return parsed


def key(row: Row, by: By) -> tuple[str, ...]:
    keys = {"day": (iso(row.started)[:10],), "provider": (row.provider,), "host": (row.host or "",)}
    return keys.get(by, (row.provider, row.model or row.model_asked))


@pytest.mark.parametrize("by", queries.KEYS)
def test_a_group_has_all_its_rows_since_then(filled: Store, by: By) -> None:
    rows = [row for row in month() if row.started >= SINCE]
    calls, tokens, money = Counter[tuple[str, ...]](), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for each in rows:
        calls[key(each, by)] += 0 if each.refused else 1
        tokens[key(each, by)] += each.input_tokens or 0
        money[key(each, by)] += each.cost or 0
    found = queries.report(filled, by, SINCE, None).groups
    assert {group.key: (group.sums.calls, group.sums.input_tokens) for group in found} == {
        name: (calls[name], tokens[name]) for name in calls
    }
    assert [group.sums.cost_usd for group in found] == pytest.approx([money[group.key] / NANO for group in found])


def test_days_are_in_their_order_and_others_with_the_dearest_first(filled: Store) -> None:
    days = [group.key for group in queries.report(filled, "day", SINCE, None).groups]
    assert days == sorted(days)
    costs = [group.sums.cost_usd or 0 for group in queries.report(filled, "model", SINCE, None).groups]
    assert costs == sorted(costs, reverse=True)


def test_the_total_is_the_sum_of_the_groups(filled: Store) -> None:
    report = queries.report(filled, "host", SINCE, None)
    for name in Sums.__struct_fields__:
        assert getattr(report.total, name) == pytest.approx(sum(getattr(group.sums, name) for group in report.groups))
    assert report.total.errors > report.total.calls_of_unknown_cost > 0


def test_an_empty_ledger_gives_zeros(store: Store) -> None:
    assert queries.is_empty(store)
    report = queries.report(store, "day", 0, budget("5 USD/day"))
    assert (report.groups, report.total) == ([], Sums(0, 0, 0, 0, None, None, 0))
    store.write([row(1)], [])
    assert not queries.is_empty(store)


def test_an_answer_counts_for_the_model_that_answered_and_a_failure_for_the_one_that_was_asked(store: Store) -> None:
    store.write([row(1, model="gpt-5.2-2026"), row(2, model=None, error_type="timeout", cost=None)], [])
    assert sorted(group.name for group in queries.report(store, "model", 0, None).groups) == [
        "openai/gpt-5.2",
        "openai/gpt-5.2-2026",
    ]


def test_what_each_model_cost_on_each_day(store: Store) -> None:
    store.write(
        [row(1), row(2), row(3, NOON - DAY, model="x"), row(4, model="free", cost=0), row(5, model="who", cost=None)], []
    )
    found = queries.cost_by_day_and_model(store, 0)
    assert found == [ModelDay("2026-11-25", "openai", "x", 0.001), ModelDay("2026-11-26", "openai", "gpt-5.2", 0.002)]


def test_latencies_are_those_of_answers_in_the_period(store: Store) -> None:
    store.write([row(number, latency_ms=number) for number in range(1, 101)], [])
    store.write([row(101, latency_ms=9999, error_type="timeout"), row(102, NOON - 30 * DAY, latency_ms=8888)], [])
    assert queries.latencies(store, SINCE, 5) == [Latency("openai", "gpt-5.2", 100, 50, 95, 99, 100)]
    assert queries.latencies(store, 0, 5)[0].max_ms == 8888
    assert queries.latencies(store, 0, 0) == []


def test_errors_by_their_number(store: Store) -> None:
    failures = ["timeout", "rate_limit", "timeout", None]
    store.write([row(number, error_type=kind) for number, kind in enumerate(failures)], [])
    assert queries.errors(store, 0) == [ErrorCount("timeout", 2), ErrorCount("rate_limit", 1)]


def test_a_budget_says_what_was_spent_what_is_reserved_and_what_is_left(store: Store) -> None:
    caps = budget("10 USD/day, 5 calls/hour")
    now = store.now()
    store.write([row(1, now, cost=3 * NANO)], [Reservation("r", caps.caps, 60, "openai", "tests", 2 * NANO)])
    money, calls = queries.budget_use(store, caps, now)
    assert (money.spent, money.reserved, money.left, money.who) == (3.0, 2.0, 5.0, None)
    assert (calls.amount, calls.spent, calls.reserved, calls.left) == (5, 1, 1, 3)
    assert money.frees_at % DAY == 0
    assert math.isclose(calls.frees_at % 3600, 0)


def test_a_cap_for_each_has_a_line_for_each_that_used_it(store: Store) -> None:
    caps = budget("10 USD/month per provider, 9 calls/month per host")
    now = store.now()
    reservation = Reservation("r", caps.caps, 60, "mistral", "cursor", NANO)
    store.write([row(1, now), row(2, now, provider="anthropic", host=None)], [reservation])
    found = [(use.cap, use.who) for use in queries.budget_use(store, caps, now)]
    each, host = "10 USD/month per provider", "9 calls/month per host"
    assert found == [(each, "anthropic"), (each, "mistral"), (each, "openai"), (host, ""), (host, "cursor"), (host, "tests")]


def test_a_cap_for_each_that_nobody_has_used_has_one_line(store: Store) -> None:
    assert [use.who for use in queries.budget_use(store, budget("10 USD/month per provider"), store.now())] == [None]
