"""How many calls are in flight, and what a failure means."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_models.client.batch.pace import DECREASE, FIRST_LIMIT, Pace
from mcp_models.client.batch.verdict import MOST_TRIES, SERVER_ENDED, judge
from tests.client.batch.fakes import failed, succeeded


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_limit_doubles_with_each_round_until_the_first_refusal() -> None:
    pace = Pace(100)
    for _ in range(int(FIRST_LIMIT)):
        pace.end(pace.begin(), refused=False)
    assert pace.limit == 2 * FIRST_LIMIT


def test_after_a_refusal_it_falls_once_a_round_and_rises_by_one_a_round() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    began = [pace.begin() for _ in range(8)]
    clock.now = 1.0
    for each in began:
        pace.end(each, refused=True)
    assert pace.limit == pytest.approx(FIRST_LIMIT * DECREASE)
    for _ in range(5):
        pace.end(pace.begin(), refused=False)
    assert pace.limit == pytest.approx(FIRST_LIMIT * DECREASE + 0.8, abs=0.1)


def test_it_stays_between_one_and_the_most() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    for _ in range(50):
        pace.end(pace.begin(), refused=False)
    assert pace.limit == 10
    for _ in range(50):
        clock.now += 1
        pace.end(pace.begin(), refused=True)
    assert pace.limit == 1.0


def test_no_call_begins_while_it_holds_or_when_it_is_full() -> None:
    clock = Clock()
    pace = Pace(1, clock)
    pace.hold(5)
    pace.hold(2)
    assert pace.wait() == 5
    clock.now = 5.0
    assert pace.wait() == 0
    pace.begin()
    assert pace.wait() is None


def action(tries: int = 0, has_own_model: bool = False, **failure: Any) -> str:
    return judge(failed(failure.pop("kind"), **failure), tries, 0, has_own_model).action


def test_an_answer_counts() -> None:
    assert judge(succeeded("a"), 0, 0, False).action == "settle"


def test_a_rate_limit_slows_all_and_holds_as_long_as_the_provider_says() -> None:
    verdict = judge(failed("rate_limit", retryable=True, retry_after=7.5, status=429), 0, 0, False)
    assert (verdict.action, verdict.hold, verdict.is_refusal, verdict.may_be_charged) == ("again", 7.5, True, False)


def test_a_budget_that_frees_later_is_waited_for_and_one_that_does_not_ends_the_batch() -> None:
    assert judge(failed("billing", retryable=True, retry_after=3600), 0, 0, False).hold == 3600
    assert action(kind="billing") == "stop"


def test_a_lost_network_holds_all_longer_and_longer() -> None:
    holds = [judge(failed("connection", retryable=True), 0, troubles, False).hold for troubles in (0, 3, 20)]
    assert holds[0] < 1 < holds[1] < holds[2] <= 30


@pytest.mark.parametrize("kind", ["authentication", "configuration", "model_not_found"])
def test_what_would_fail_every_row_ends_the_batch(kind: str) -> None:
    assert action(kind=kind) == "stop"


def test_a_model_that_only_one_row_names_fails_that_row() -> None:
    assert action(kind="model_not_found", status=404, has_own_model=True) == "settle"


def test_a_failure_of_the_provider_is_tried_again_a_few_times() -> None:
    failure: dict[str, Any] = {"kind": "provider_error", "status": 500, "retryable": True}
    assert [action(tries, **failure) for tries in (0, MOST_TRIES - 2, MOST_TRIES - 1)] == ["again", "again", "settle"]


@pytest.mark.parametrize(
    "failure", [{"kind": "timeout", "retryable": True}, {"kind": "connection", "retryable": True, "partial": "Half"}]
)
def test_what_may_have_been_paid_is_not_asked_again(failure: dict[str, Any]) -> None:
    verdict = judge(failed(failure.pop("kind"), **failure), 0, 0, False)
    assert (verdict.action, verdict.may_be_charged) == ("settle", True)


def test_a_call_whose_server_ended_is_asked_again_and_counted() -> None:
    verdict = judge(failed(SERVER_ENDED, retryable=True), 0, 0, False)
    assert (verdict.action, verdict.may_be_charged) == ("again", True)
