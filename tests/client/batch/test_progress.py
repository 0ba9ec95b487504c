"""What people see of a batch: a bar, lines in a log, and the last sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_models.client.batch.progress import Bar, Lines, Rate, Silent, duration
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.batch.summary import Summary
from tests.client.batch.fakes import FakeModel, prepare, write


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run(tmp_path: Path) -> BatchRun:
    write(tmp_path / "in.jsonl")
    prepared = prepare(tmp_path, FakeModel(), [])
    prepared.store.close()
    prepared.summary.succeeded, prepared.summary.failures = 30, {"timeout": 2}
    return prepared


def test_the_rate_leaves_out_what_earlier_runs_have_settled() -> None:
    clock = Clock()
    rate = Rate(clock)
    clock.now = 1.0
    assert rate.note(100) == 0
    clock.now = 3.0
    assert rate.note(130) == 10


def test_a_line_every_ten_seconds(run: BatchRun) -> None:
    clock, written = Clock(), list[str]()
    lines = Lines(written.append, 62, clock)
    lines.show(run)
    clock.now = 5.0
    lines.show(run)
    clock.now, run.summary.succeeded = 10.0, 60
    lines.show(run)
    lines.say("Hello.")
    line, said = written
    assert line.startswith("62 of 62 rows, 3/s; 0 in flight; 60 succeeded, 2 failed (timeout 2)")
    assert said == "Hello."


def test_a_bar_shows_everything_and_what_is_said(run: BatchRun, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(40)
    with bar.shown():
        bar.show(run)
        bar.say("paused [until] noon")
    shown = capsys.readouterr().err
    assert "paused [until] noon" in shown
    assert "32/40" in shown
    Silent().show(run)
    Silent().say("")


@pytest.mark.parametrize(("seconds", "text"), [(8.2, "8 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")])
def test_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_last_sentence_says_what_is_left_if_it_is_not_complete() -> None:
    assert Summary(2, tokens=5, spent=0.5).sentence() == "2 succeeded, 0 failed, 5 tokens, 0.5000 USD"
    left = Summary(2, {"refusal": 1}, left=3, same=1, ending="interrupted").sentence()
    assert left.startswith("2 succeeded, 1 failed (refusal 1), 3 or more left, 1 answered by another row's call")
