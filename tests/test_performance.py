"""No lost optimisation goes unnoticed: ratios within this run, with margins that no slow machine uses up.

The targets themselves are in `docs/performance.md`; here each has half as much again, or more, to spare.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from bench import bridge, stdio
from bench.peers import Peer
from mcp_models.client import EchoMCPModel

HERE = Path(stdio.__file__).parent / "servers"
OURS = Peer("mcp-models", bridge.ECHO)
FLOOR = Peer("floor", [sys.executable, "-P", str(HERE / "floor.py")])
SDK = Peer("SDK", [sys.executable, str(HERE / "sdk_high.py")])


@pytest.fixture(autouse=True)
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guard of the tests, which each Python process would import."""
    monkeypatch.delenv("PYTHONPATH")


def test_the_handshake_to_the_floors() -> None:
    found = stdio.handshakes([OURS, FLOOR], runs=9)
    assert found["mcp-models"][0] / found["floor"][0] < 1.6


def test_a_round_trip_to_the_sdk_servers() -> None:
    ours, theirs = (statistics.median(stdio.round_trip(peer, 300) for _ in range(3)) for peer in (OURS, SDK))
    assert theirs / ours > 3


def test_idle_memory_to_the_floors() -> None:
    assert stdio.idle_memory(OURS) / stdio.idle_memory(FLOOR) < 1.4


def test_memory_does_not_grow_with_calls() -> None:
    before, after = stdio.growth(OURS, 1000, 10_000)
    assert after / before < 1.1


def test_a_call_of_the_bridge_to_bare_pipes() -> None:
    bare = bridge.bare(300)
    with EchoMCPModel() as model:
        ours = statistics.median(bridge.from_threads(lambda: model.call(bridge.PROMPT), 1, 300) for _ in range(3))
    assert ours / bare < 4
