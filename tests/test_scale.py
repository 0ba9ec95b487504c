"""Replicas behind nginx with a PostgreSQL: one is killed, then each is restarted. At full size: `-m tests.scale`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scale.rounds import check_kill, check_rolling_restart

pytestmark = pytest.mark.slow


def test_a_killed_replica_loses_no_call_without_an_error_and_the_budget_holds(tmp_path: Path, home: Path) -> None:
    assert check_kill(tmp_path, calls=400).failures == []


def test_replicas_that_are_restarted_one_after_the_other_lose_no_call(tmp_path: Path, home: Path) -> None:
    assert check_rolling_restart(tmp_path, calls=600, rounds=1).failures == []
