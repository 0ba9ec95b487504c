"""A worker, in this process and without Ray: what is settled in the shared journal is not asked again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from mcp_models.client.batch.cluster.shared_journal import SharedJournal
from mcp_models.client.batch.cluster.worker import Item, Plan, Worker, journal_target
from mcp_models.client.batch.errors import BatchError
from mcp_models.client.model import Model
from mcp_models.servers.core.ledger.target import Target
from tests.client.batch.fakes import FakeModel, failed, succeeded

Start = Callable[..., Worker]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SharedJournal]:
    journal = SharedJournal(Target(str(tmp_path / "workers"), is_postgres=False), "run")
    yield journal
    journal.close()


@pytest.fixture
def start(tmp_path: Path, program: SharedJournal) -> Iterator[Start]:
    started = []

    def started_worker(model: Model, most: float | None = None) -> Worker:
        plan = Plan("echo", None, None, 4, most, "run", program.epoch, str(tmp_path / "workers"))
        started.append(Worker(plan, model))
        return started[-1]

    yield started_worker
    for worker in started:
        worker.close()


def items(*prompts: str, **options: Any) -> list[Item]:
    return [Item(number, json.dumps({"prompt": prompt}), **options) for number, prompt in enumerate(prompts, 1)]


def outputs(worker: Worker, rows: list[Item]) -> dict[int, str]:
    found = {report.number: json.loads(report.line) for report in worker.ask(rows) if not report.ending}
    return {number: line["output"] or line["error_type"] for number, line in found.items()}


def test_a_block_that_is_given_out_again_is_not_asked_again(start: Start) -> None:
    rows = items("A", "B", "C")
    model = FakeModel(B=[failed("refusal")])
    assert outputs(start(model), rows[:2]) == {1: "A", 2: "refusal"}
    assert outputs(start(model), rows) == {1: "A", 2: "refusal", 3: "C"}
    assert model.asked == {"A": 1, "B": 1, "C": 1}


def test_what_a_killed_worker_had_in_flight_is_asked_again(start: Start, program: SharedJournal) -> None:
    program.commit([1, 2], [])
    program.append(1, "done", json.dumps({"id": 1, "line": 1, "columns": {}, "output": "answered before the kill"}))
    model = FakeModel()
    assert outputs(start(model), items("A", "B")) == {1: "answered before the kill", 2: "B"}
    assert model.asked == {"B": 1}


def test_a_row_that_was_asked_in_vain_costs_what_all_its_calls_did(start: Start) -> None:
    model = FakeModel(A=[failed("internal", retryable=True), succeeded("A", cost_usd=0.25)])
    (report,) = start(model).ask(items("A", highest=1.0))
    assert report.cost == 1.25


def test_blocks_are_tables_for_ray(start: Start) -> None:
    table = pyarrow.Table.from_pylist([{"number": 7, "arguments": '{"prompt": "A"}', "highest": None}])
    (report,) = start(FakeModel())(table).to_pylist()
    assert (report["number"], json.loads(report["line"])["output"], report["ending"]) == (7, "A", "")


def test_an_error_that_stops_the_batch_is_data_and_stops_the_other_workers(start: Start) -> None:
    (report,) = start(FakeModel(A=[failed("authentication", status=401)])).ask(items("A"))
    assert (report.ending, report.error_type, report.number) == ("stopped", "authentication", 0)
    model = FakeModel()
    assert start(model).ask(items("A")) == []
    assert not model.asked


def test_a_mistake_in_a_worker_is_data(start: Start) -> None:
    def broken(prompt: str) -> None:
        raise ZeroDivisionError

    model = FakeModel()
    model.called = broken
    (report,) = start(model).ask(items("A"))
    assert (report.ending, "ZeroDivisionError" in report.problem) == ("stopped", True)


def test_the_sum_of_money_is_one_for_all_workers(start: Start, program: SharedJournal) -> None:
    prompts = [f"{number}" for number in range(20)]
    model = FakeModel(**{prompt: [succeeded("a", cost_usd=0.05)] for prompt in prompts})
    rows = items(*prompts, highest=0.1)
    first = start(model, 1.0).ask(rows[:10])
    second = start(model, 1.0).ask(rows[10:])
    assert [report.ending for report in first] == [""] * 10
    assert [report.ending for report in second] == [*[""] * 9, "max_cost"]
    assert program.spent() == pytest.approx(0.95)


def test_no_more_is_asked_when_the_run_has_ended(start: Start, program: SharedJournal) -> None:
    model = FakeModel()
    worker = start(model)
    program.end()
    assert worker.ask(items("A")) == []
    assert not model.asked


def test_a_journal_that_is_busy_for_a_moment_loses_no_result(
    start: Start, program: SharedJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_models.client.batch.run.FULL_SECONDS", 0.01)
    worker, troubles = start(FakeModel()), [sqlite3.OperationalError("database is locked")] * 2
    append = worker._journal.append

    def busy(*arguments: Any) -> None:
        if troubles:
            raise OSError(str(troubles.pop()))
        append(*arguments)

    monkeypatch.setattr(worker._journal, "append", busy)
    assert outputs(worker, items("A", "B")) == {1: "A", 2: "B"}
    assert not troubles


def test_workers_on_other_machines_need_the_same_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    with pytest.raises(BatchError, match="MCP_MODELS_LEDGER must name the same PostgreSQL"):
        journal_target(None)
    monkeypatch.setenv("MCP_MODELS_LEDGER", "postgresql://127.0.0.1/db")
    assert journal_target(None).is_postgres
