"""The official conformance suite finds nothing wrong with a server over HTTP but what the baselines explain."""

from __future__ import annotations

import platform
import sys

import pytest

from tests.conformance import SUITES, conformance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="the suite's Node is for Linux on x86-64"
    ),
]


@pytest.mark.parametrize("year", SUITES)
def test_what_fails_is_what_the_baseline_explains(year: str) -> None:
    done = conformance(year)
    assert done.returncode == 0, done.stdout + done.stderr
