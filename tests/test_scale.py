"""Replicas behind nginx with a PostgreSQL: one is killed, then each is restarted. At full size: `-m tests.scale`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import over_http, report
from tests.scale import money
from tests.scale.rounds import check_kill, check_rolling_restart

PAGE = over_http.PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_killed_replica_loses_no_call_without_an_error_and_the_budget_holds(tmp_path: Path, home: Path) -> None:
    assert check_kill(tmp_path, calls=300).failures == []


@pytest.mark.slow
def test_replicas_that_are_restarted_one_after_the_other_lose_no_call(tmp_path: Path, home: Path) -> None:
    assert check_rolling_restart(tmp_path, calls=300, rounds=1).failures == []


def test_the_page_has_the_prices_of_the_price_list() -> None:
    assert money.table() in PAGE


def test_the_page_shows_what_was_measured_over_http() -> None:
    record = json.loads(over_http.RESULTS.read_text(encoding="utf-8"))
    tables = [report.Table(**table) for table in record["tables"]]
    shown = PAGE.partition(report.BEGIN)[2].partition(report.END)[0]
    assert shown.strip() == over_http.markdown(record["about"], tables).strip()
    assert len(tables) == len(over_http.MEASURES)
