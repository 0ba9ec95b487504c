"""A run: each row gets one line, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client.batch import run as run_module
from mcp_models.client.batch.errors import BatchError, InputError
from mcp_models.client.errors import ServerExitedError, ServerStartError
from tests.client.batch.fakes import FakeModel, failed, outcome, prepare, run, succeeded, write
from tests.client.batch.fakes import failed as refused


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "in.jsonl"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_models.client.batch.verdict._FIRST_WAIT", 0.001)
    monkeypatch.setattr(run_module, "COMMIT_SECONDS", 0.01)
    monkeypatch.setattr(run_module, "FULL_SECONDS", 0.01)


def lines_of(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_text().splitlines()]


async def test_each_row_has_a_line_with_its_columns_and_the_whole_result(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, {"id": "a", "prompt": "A", "topic": [1]}, "{bad", {"prompt": "C"})
    summary, _ = await run(tmp_path, FakeModel())
    assert outcome(output) == {"a": "A", 2: "invalid_request", 3: "C"}
    first = next(line for line in lines_of(output) if line["id"] == "a")
    assert (first["line"], first["columns"], first["tokens_used"], first["cost_usd"]) == (1, {"topic": [1]}, 2, 0.0)
    assert (summary.succeeded, summary.failures, summary.tokens) == (2, {"invalid_request": 1}, 4)


async def test_no_more_calls_are_in_flight_than_allowed(tmp_path: Path, source: Path) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(100)))
    model = FakeModel()
    await run(tmp_path, model, concurrency=5)
    assert model.most == 5


async def test_nothing_is_asked_again(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, {"prompt": "A"}, "{bad")
    model = FakeModel()
    await run(tmp_path, model)
    write(source, {"prompt": "A"}, "{bad", {"prompt": "B"})
    summary, _ = await run(tmp_path, model)
    assert model.asked == {"A": 1, "B": 1}
    assert (summary.succeeded, summary.failed) == (2, 1)
    assert len(outcome(output)) == 3


async def test_rows_that_ask_for_the_same_are_asked_once(tmp_path: Path, source: Path, output: Path) -> None:
    rows = [{"id": f"a{number}", "prompt": "A"} for number in range(3)]
    model = FakeModel(A=[succeeded("one", cost_usd=0.5)])
    write(source, *rows)
    await run(tmp_path, model)
    write(source, *rows, {"id": "later", "prompt": "A"})
    summary, _ = await run(tmp_path, model)
    assert model.asked == {"A": 1}
    assert outcome(output) == {"a0": "one", "a1": "one", "a2": "one", "later": "one"}
    lines = lines_of(output)
    assert [(line.get("same_as"), line["cost_usd"]) for line in lines] == [(None, 0.5), *[("a0", 0.0)] * 3]
    assert (summary.spent, summary.tokens, summary.same) == (0.5, 2, 1)


async def test_a_second_row_of_the_same_id_is_a_bad_row(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, {"id": "a", "prompt": "A"}, {"id": "a", "prompt": "B"}, {"id": "c", "prompt": "B"})
    for _ in range(2):
        await run(tmp_path, FakeModel())
        assert outcome(output) == {"a": "A", "line 2": "invalid_request", "c": "B"}


async def test_refusals_are_waited_out_and_failures_tried_again(tmp_path: Path, source: Path, output: Path) -> None:
    limit, broken = refused("rate_limit", retryable=True, status=429), refused("provider_error", retryable=True, status=500)
    model = FakeModel(A=[limit] * 8, B=[broken] * 2, C=[broken] * 9)
    write(source, *({"prompt": prompt} for prompt in "ABC"))
    await run(tmp_path, model)
    assert outcome(output) == {1: "A", 2: "B", 3: "provider_error"}
    assert model.asked == {"A": 9, "B": 3, "C": 5}


async def test_failures_are_asked_again_only_if_you_say_so(tmp_path: Path, source: Path, output: Path) -> None:
    model = FakeModel(A=[failed("refusal")])
    write(source, {"prompt": "A"}, {"prompt": "B"})
    assert (await run(tmp_path, model))[0].failures == {"refusal": 1}
    assert (await run(tmp_path, model))[0].failures == {"refusal": 1}
    summary, _ = await run(tmp_path, model, retry_failed=True)
    assert (summary.succeeded, summary.failures) == (2, {})
    assert outcome(output) == {1: "A", 2: "B"}
    assert model.asked == {"A": 2, "B": 1}


async def test_a_long_wait_is_a_pause_that_is_told(
    tmp_path: Path, source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LONG_SECONDS", 0.02)
    model = FakeModel(A=[refused("billing", retryable=True, retry_after=0.05)])
    write(source, {"prompt": "A"})
    _, said = await run(tmp_path, model)
    assert outcome(output) == {1: "A"}
    assert said[0].startswith("paused until 20")


async def test_a_wrong_key_ends_the_batch_and_fails_no_row(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(500)))
    model = FakeModel()
    model._replies = {f"{number}": [refused("authentication", status=401)] for number in range(500)}
    summary, _ = await run(tmp_path, model)
    assert (summary.ending, summary.error_type, summary.settled) == ("stopped", "authentication", 0)
    assert len(model.asked) <= 8
    summary, _ = await run(tmp_path, FakeModel())
    assert (summary.ending, summary.succeeded) == ("complete", 500)


async def test_when_nothing_works_for_too_long_the_batch_ends(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "PATIENCE_SECONDS", 0.0)
    write(source, {"prompt": "A"})
    summary, _ = await run(tmp_path, FakeModel(A=[refused("overloaded", retryable=True)]))
    assert (summary.ending, summary.left) == ("stopped", 1)


@pytest.mark.parametrize("is_gone", [False, True])
async def test_a_server_that_ends_or_does_not_start(tmp_path: Path, source: Path, output: Path, is_gone: bool) -> None:
    model = FakeModel()
    errors: list[Exception] = [ServerStartError("no such program")] if is_gone else [ServerExitedError("it ended")]

    def called(prompt: str) -> None:
        if errors:
            raise errors.pop()

    model.called = called
    write(source, {"prompt": "A"})
    summary, _ = await run(tmp_path, model)
    assert summary.ending == ("stopped" if is_gone else "complete")
    assert outcome(output) == ({} if is_gone else {1: "A"})


async def test_ending_waits_for_what_is_in_flight(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(300)))
    model = FakeModel()
    prepared = prepare(tmp_path, model, [])
    model.called = lambda prompt: prepared.end("interrupted", "interrupted") if len(model.asked) == 20 else None
    await prepared.run()
    prepared.store.close()
    assert len(outcome(output)) == len(model.asked) == prepared.summary.succeeded
    assert (await run(tmp_path, model))[0].succeeded == 300
    assert set(model.asked.values()) == {1}


async def test_abandoned_calls_are_asked_again(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(100)))
    model = FakeModel()
    prepared = prepare(tmp_path, model, [])

    def called(prompt: str) -> None:
        if len(model.asked) == 20:
            prepared.end("interrupted", "interrupted")
            prepared.abandon()

    model.called = called
    await prepared.run()
    prepared.store.close()
    assert prepared.summary.succeeded < 20
    assert (await run(tmp_path, model))[0].succeeded == 100
    assert max(model.asked.values()) <= 2


async def test_a_run_that_is_cancelled_begins_no_more_calls(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(100)))
    model, asked = FakeModel(), 0
    prepared = prepare(tmp_path, model, [])
    abandon = prepared.abandon

    def called(prompt: str) -> None:
        if len(model.asked) >= 10 and prepared._ready:
            running.cancel()

    def abandoned() -> None:
        nonlocal asked
        asked = len(model.asked)
        abandon()

    model.called = called
    monkeypatch.setattr(prepared, "abandon", abandoned)
    running = asyncio.create_task(prepared.run())
    with pytest.raises(asyncio.CancelledError):
        await running
    prepared.store.close()
    assert len(model.asked) == asked < 100
    model.called = lambda prompt: None
    assert (await run(tmp_path, model))[0].succeeded == 100


async def test_a_full_disk_is_waited_for(tmp_path: Path, source: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(source, *({"prompt": f"{number}"} for number in range(40)))
    said: list[str] = []
    model = FakeModel()
    prepared = prepare(tmp_path, model, said)
    append, commit = prepared.store.output.append, prepared.store.journal.commit
    troubles: list[Any] = [sqlite3.OperationalError("database or disk is full")] * 2

    def full(line: bytes) -> int:
        if len(model.asked) >= 10 and len(troubles) < 5:
            troubles.append(None)
            raise OSError(errno.ENOSPC, "No space left on device")
        return append(line)

    def full_too(*arguments: Any) -> None:
        if troubles and troubles[0] is not None:
            raise troubles.pop(0)
        commit(*arguments)

    monkeypatch.setattr(prepared.store.output, "append", full)
    monkeypatch.setattr(prepared.store.journal, "commit", full_too)
    await asyncio.wait_for(prepared.run(), 20)
    prepared.store.close()
    assert len(outcome(output)) == 40
    assert set(model.asked.values()) == {1}
    assert any("No space left" in sentence for sentence in said)


async def test_a_changed_input_is_noticed(tmp_path: Path, source: Path) -> None:
    write(source, {"prompt": "A"})
    await run(tmp_path, FakeModel())
    write(source, {"prompt": "B"})
    with pytest.raises(InputError, match="line 1 is not what it was"):
        await run(tmp_path, FakeModel())


async def test_a_sum_of_money_is_never_exceeded(tmp_path: Path, source: Path, output: Path) -> None:
    write(source, *({"prompt": f"{number:03}"} for number in range(100)))
    model = FakeModel()
    model._replies = {f"{number:03}": [succeeded("a", cost_usd=0.01)] for number in range(100)}
    prepared = prepare(tmp_path, model, [], provider="openai", most=0.25, model="gpt-4o", concurrency=20)
    most = 0.0

    def called(prompt: str) -> None:
        nonlocal most
        most = max(most, prepared.cap.spent + prepared.cap.reserved)

    model.called = called
    await prepared.run()
    prepared.store.close()
    assert prepared.summary.ending == "max_cost"
    assert 0.18 < prepared.summary.spent <= 0.25
    assert most <= 0.25
    summary, _ = await run(tmp_path, model, provider="openai", most=0.25, model="gpt-4o")
    assert (summary.ending, summary.asked) == ("max_cost", 0)


async def test_what_was_asked_in_vain_counts_in_the_next_run(tmp_path: Path, source: Path) -> None:
    write(source, {"prompt": "A", "max_tokens": 10})
    model = FakeModel(A=[failed("internal", retryable=True), refused("authentication", status=401)])
    options: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "most": 1.0}
    summary, _ = await run(tmp_path, model, **options)
    prepared = prepare(tmp_path, model, [], **options)
    prepared.store.close()
    assert (summary.ending, summary.settled) == ("stopped", 0)
    assert prepared.cap.spent == pytest.approx(summary.spent)
    assert summary.spent > 0


async def test_an_unknown_price_is_refused_under_a_sum_of_money(tmp_path: Path, source: Path) -> None:
    write(source, {"prompt": "A"})
    with pytest.raises(BatchError, match="the price of made-up is not known"):
        await run(tmp_path, FakeModel(), provider="openai", most=1.0, model="made-up")
