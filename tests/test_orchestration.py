"""The promises of `Fallback`, in small. At full size: `bash run_with_env.sh -m tests.orchestration`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orchestration.failure_round import check_failures
from tests.orchestration.hedge_round import check_hedging

pytestmark = pytest.mark.slow


def test_every_call_is_answered_in_time_or_fails_with_all_reasons(home: Path) -> None:
    assert check_failures(300, slack=1.0).failures == []


@pytest.mark.parametrize("over_mcp", [False, True])
def test_who_is_overtaken_stops_at_its_provider(over_mcp: bool, home: Path) -> None:
    assert check_hedging(24, 0.15, over_mcp=over_mcp, streamed=not over_mcp, within=0.5).failures == []
