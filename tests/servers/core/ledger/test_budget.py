"""MCP_MODELS_BUDGET: what it may say, when its periods begin and end, and what a refused caller is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.budget import Cap, Used, parse_budget, refusal
from mcp_models.servers.core.ledger.row import NANO


def caps(text: str) -> list[tuple[int, str, str, str | None]]:
    budget = parse_budget(text)
    assert budget is not None
    return [(cap.amount, cap.unit, cap.period, cap.per) for cap in budget.caps]


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_caps_of_each_kind() -> None:
    assert caps("5 USD/day, 50 USD/month, 200 calls/hour") == [
        (5 * NANO, "usd", "day", None),
        (50 * NANO, "usd", "month", None),
        (200, "calls", "hour", None),
    ]
    assert caps("0.5usd / hour per provider,1 call/day  per host") == [
        (NANO // 2, "usd", "hour", "provider"),
        (1, "calls", "day", "host"),
    ]


def test_calls_of_unknown_price_may_be_allowed() -> None:
    budget = parse_budget("5 USD/day, unpriced=allow")
    assert budget is not None
    assert budget.allows_unpriced
    assert not parse_budget("5 USD/day").allows_unpriced  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", " ", ","])
def test_no_budget(text: str) -> None:
    assert parse_budget(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5 USD",
        "5 EUR/day",
        "-5 USD/day",
        "5 USD/year",
        "5 USD/day per model",
        "1e3 USD/day",
        "unpriced=allow",
        "1.5 calls/day",
    ],
)
def test_what_makes_no_sense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"MCP_MODELS_BUDGET: expected"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        ("hour", "2028-02-29T23:00", "2028-03-01T00:00"),
        ("day", "2028-02-29T00:00", "2028-03-01T00:00"),
        ("month", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_a_period_is_the_calendars_in_utc(period: str, begins: str, ends: str) -> None:
    cap = parse_budget(f"1 USD/{period}").caps[0]  # type: ignore[union-attr]
    assert cap.begins(at("2028-02-29T23:59:59")) == at(begins)
    assert cap.ends(at("2028-02-29T23:59:59")) == at(ends)


def test_the_last_month_of_a_year_ends_with_it() -> None:
    assert parse_budget("1 USD/month").caps[0].ends(at("2026-12-31T08:00")) == at("2027-01-01T00:00")  # type: ignore[union-attr]


DAY = Cap("5 USD/day", 5 * NANO, "usd", "day")


def test_a_refusal_says_what_was_spent_and_when_the_budget_frees() -> None:
    error = refusal(Used(DAY, None, round(4.99 * NANO), 0), round(0.02 * NANO), at("2026-11-26T22:00"))
    assert error.type == "billing"
    assert error.message == (
        "the budget of 5 USD/day does not allow this call: 4.99 USD spent, and this call may come to 0.02 USD. "
        "The budget frees at 2026-11-27 00:00 UTC."
    )
    assert (error.retryable, error.retry_after) == (True, 7200.0)


def test_a_refusal_by_what_is_in_flight_can_be_tried_again_soon() -> None:
    error = refusal(Used(DAY, None, NANO, 4 * NANO), NANO // 2, at("2026-11-26T22:00"))
    assert "1.00 USD spent, up to 4.00 USD reserved for calls in flight" in error.message
    assert "It fits when those have ended for less, or at 2026-11-27 00:00 UTC." in error.message
    assert error.retry_after == 1.0


def test_a_call_beyond_the_whole_budget_is_not_to_be_tried_again() -> None:
    error = refusal(Used(DAY, None, 0, 0), 6 * NANO, at("2026-11-26T22:00"))
    assert "That is more than the whole budget: lower `max_tokens` or raise the budget." in error.message
    assert not error.retryable


def test_a_refusal_names_whose_budget_it_is() -> None:
    cap = Cap("2 calls/hour per host", 2, "calls", "hour", "host")
    error = refusal(Used(cap, "claude-code", 2, 0), 1, at("2026-11-26T22:10"))
    assert "the budget of 2 calls/hour per host (claude-code) does not allow this call: 2 calls made" in error.message
