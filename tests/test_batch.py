"""The promises of `mcp-models batch`, in small. At full size: `bash run_with_env.sh -m tests.batch`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.crash_round import check_crashes

pytestmark = pytest.mark.slow


def test_a_batch_that_is_killed_loses_nothing_and_pays_for_nothing_twice(tmp_path: Path, home: Path) -> None:
    with CountingOpenAI(refusals=0.01) as fake:
        assert not check_crashes(tmp_path, 1_500, 3, fake).failures


def test_each_row_has_one_result_after_kills(tmp_path: Path, home: Path) -> None:
    assert not check_crashes(tmp_path, 5_000, 3, None).failures
