"""Ratios measured in this run, so that no lost optimisation goes unnoticed.

The targets are in `docs/performance.md`. The limits here are at least half as much again, so that a slow machine passes too.
"""

from __future__ import annotations

import json
import statistics

import pytest

from bench import __main__ as commands
from bench import bridge, report, stdio, ways
from bench.peers import FLOOR, OURS, SDK

pytestmark = pytest.mark.slow

WAYS = ("sdk", "mcp-models")


@pytest.fixture(autouse=True)
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the tests' network guard, which every Python process would import."""
    monkeypatch.delenv("PYTHONPATH")


def test_the_handshake_to_the_floors() -> None:
    found = stdio.handshakes([OURS, FLOOR], runs=9)
    assert found[OURS.name][0] / found[FLOOR.name][0] < 1.6


def test_the_list_of_tools_to_the_handshake() -> None:
    initialized, listed, _ = stdio.handshakes([OURS], runs=9)[OURS.name]
    assert listed / initialized < 1.3


def test_a_round_trip_to_the_sdk_servers() -> None:
    runs = [[stdio.round_trip(peer, 300) for peer in (OURS, SDK)] for _ in range(3)]
    ours, theirs = (min(times) for times in zip(*runs, strict=True))
    assert theirs / ours > 4


def test_idle_memory_to_the_floors() -> None:
    assert stdio.memory(OURS)["idle"] / stdio.memory(FLOOR)["idle"] < 1.4


def test_memory_does_not_grow_with_calls() -> None:
    before, after = stdio.growth(OURS, 1000, 31_000)
    assert after / before < 1.05


def test_a_call_of_the_bridge_to_one_of_the_sdks_client() -> None:
    face = "call, 1 thread"
    runs = [[measure(300)[face] for measure in (bridge.ours, bridge.theirs)] for _ in range(3)]
    ours, theirs = (min(times) for times in zip(*runs, strict=True))
    assert theirs / ours > 1.6


def test_a_completion_to_the_sdks() -> None:
    with ways.provider(0) as url:
        runs = [[statistics.median(ways.completions(way, url, "latency", 100)) for way in WAYS] for _ in range(3)]
    sdk, ours = (min(times) for times in zip(*runs, strict=True))
    assert ours / sdk < 3


def test_completions_a_second_to_the_sdks() -> None:
    with ways.provider(0.02) as url:
        runs = [[ways.completions(way, url, "throughput", 64, 512) for way in WAYS] for _ in range(3)]
    sdk, ours = (max(rates) for rates in zip(*runs, strict=True))
    assert ours / sdk > 0.6


def test_the_page_shows_what_was_measured() -> None:
    record = json.loads(report.RESULTS.read_text(encoding="utf-8"))
    tables, targets = [report.Table(**table) for table in record["tables"]], [report.Target(**row) for row in record["targets"]]
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.partition(report.BEGIN)[2].partition(report.END)[0].strip() == (
        report.markdown(record["about"], tables, targets).strip()
    )
    titles = [str(measure.__doc__).strip(".") for measure in commands.MEASURES]
    assert [table.title[: len(title)] for table, title in zip(tables, titles, strict=True)] == titles
    assert {table.image for table in tables if table.image} == {path.name for path in report.IMAGES.glob("*.svg")}
