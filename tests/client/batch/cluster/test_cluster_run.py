"""A whole batch through workers, in this process and without Ray: windows, endings, and what goes on after a kill."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mcp_models.client.batch import Batch, BatchError, run_batch
from mcp_models.client.batch.cluster import cluster_run, engine
from mcp_models.client.batch.cluster.worker import Item, Plan, Report, Worker
from mcp_models.client.batch.summary import Summary
from tests.client.batch.fakes import FakeModel, failed, outcome, write


class InProcess:
    """Workers that are called here, a block after the other, as Ray calls them: each block may be run twice."""

    machines = 1
    block = 3
    repeats = True
    breaks_after = 1000

    def __init__(self, model: FakeModel) -> None:
        self._model = model

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def ask(self, plan: Plan, items: Sequence[Item]) -> Iterator[list[Report]]:
        worker = Worker(plan, self._model)
        try:
            for start in range(0, len(items), self.block):
                if start >= self.breaks_after:
                    raise BatchError("Ray ended: the cluster is gone")
                if self.repeats:  # its worker is killed before anybody sees the reports
                    worker.ask(items[start : start + self.block])
                yield worker.ask(items[start : start + self.block])
        finally:
            worker.close()


class OnWorkers:
    """A batch of ten rows, of which two ask for the same."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.output, self.model = folder / "out.jsonl", FakeModel()
        self.cluster = InProcess(self.model)
        monkeypatch.setattr(engine, "RayCluster", lambda *options: self.cluster)
        rows = [*({"id": f"r{number}", "prompt": f"{number}"} for number in range(9)), {"id": "same", "prompt": "0"}]
        source = write(folder / "in.jsonl", *rows, "{bad")
        self.batch = Batch(provider="echo", input=str(source), output=str(self.output), engine="ray")

    def run(self) -> Summary:
        return run_batch(self.batch)


@pytest.fixture
def on_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnWorkers:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    monkeypatch.setattr("mcp_models.client.batch.run.COMMIT_SECONDS", 0.01)
    return OnWorkers(tmp_path, monkeypatch)


EXPECTED: dict[object, str] = {**{f"r{number}": f"{number}" for number in range(9)}, "same": "0", 11: "invalid_request"}


def test_each_row_has_one_line_and_is_asked_once(on_workers: OnWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_run, "WINDOW_ROWS", 4)
    summary = on_workers.run()
    assert outcome(on_workers.output) == EXPECTED
    assert (summary.succeeded, summary.failed, summary.ending, summary.tokens) == (10, 1, "complete", 18)
    assert set(on_workers.model.asked.values()) == {1}
    assert on_workers.run().asked == 0


def test_what_workers_have_answered_when_the_cluster_is_lost_is_not_asked_again(on_workers: OnWorkers) -> None:
    on_workers.cluster.breaks_after = 3
    with pytest.raises(BatchError, match="the cluster is gone"):
        on_workers.run()
    on_workers.cluster.breaks_after = 1000
    assert on_workers.run().succeeded == 10
    assert outcome(on_workers.output) == EXPECTED
    assert set(on_workers.model.asked.values()) == {1}


def test_an_error_of_one_worker_ends_the_whole_batch(on_workers: OnWorkers) -> None:
    on_workers.model._replies = {"4": [failed("authentication", status=401)]}
    on_workers.cluster.repeats = False
    summary = on_workers.run()
    assert (summary.ending, summary.error_type, summary.left > 0) == ("stopped", "authentication", True)
    assert len(on_workers.model.asked) <= 6
    assert on_workers.run().ending == "complete"
    assert outcome(on_workers.output) == EXPECTED


def test_failures_are_asked_again_if_you_say_so(on_workers: OnWorkers) -> None:
    on_workers.model._replies = {"4": [failed("refusal")]}
    assert on_workers.run().failures == {"refusal": 1, "invalid_request": 1}
    on_workers.batch.retry_failed = True
    assert on_workers.run().failures == {"invalid_request": 1}
    assert on_workers.model.asked["4"] == 2


def test_several_machines_need_one_database(on_workers: OnWorkers) -> None:
    on_workers.cluster.machines = 2
    with pytest.raises(BatchError, match="set MCP_MODELS_LEDGER to one, here and on each machine"):
        on_workers.run()


def test_the_engine_cannot_be_changed_in_the_middle_nor_send_jobs(on_workers: OnWorkers) -> None:
    on_workers.run()
    on_workers.batch.engine = "local"
    with pytest.raises(BatchError, match="begun with other arguments"):
        on_workers.run()
    on_workers.batch.engine, on_workers.batch.route = "ray", "batch"
    with pytest.raises(BatchError, match="needs no workers"):
        on_workers.run()


def test_without_ray_you_are_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    monkeypatch.setitem(sys.modules, "ray", None)
    source = write(tmp_path / "in.jsonl", {"prompt": "A"})
    with pytest.raises(BatchError, match=r'pip install "mcp-models\[ray\]"'):
        run_batch(Batch(provider="echo", input=str(source), output=str(tmp_path / "out.jsonl"), engine="ray"))
