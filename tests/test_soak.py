"""A short soak of the bridge: each call gets its own answer or the documented exception, and nothing is left."""

from __future__ import annotations

import pytest

from tests.client.left_over import counts
from tests.peer import wait_until
from tests.soak import soak


@pytest.mark.slow
def test_calls_from_many_threads_while_the_server_is_killed_again_and_again() -> None:
    before = counts()
    outcomes, kills = soak(1500, 8, 0.5)
    assert set(outcomes) <= {"its own answer", "ServerExitedError"}
    assert kills > 0
    assert outcomes["ServerExitedError"] <= kills * 8  # only the calls in flight fail
    wait_until(lambda: counts() == before, 5)
