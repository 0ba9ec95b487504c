"""The journal that all workers share, in a SQLite file or a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_models.client.batch.cluster.shared_journal import Answer, RunEnded, SharedJournal
from mcp_models.client.batch.errors import OutputError
from mcp_models.servers.core.ledger.target import Target


@pytest.fixture
def program(target: Target) -> Iterator[SharedJournal]:
    journal = SharedJournal(target, "run")
    yield journal
    journal.close()


@pytest.fixture
def worker(target: Target, program: SharedJournal) -> Iterator[SharedJournal]:
    journal = SharedJournal(target, "run", program.epoch)
    yield journal
    journal.close()


def test_a_result_is_there_for_others_at_once_and_the_first_one_stays(program: SharedJournal, worker: SharedJournal) -> None:
    worker.commit([3, 4, 5], [])
    worker.append(3, "done", "{}")
    worker.append(3, "done", "another")
    assert [program.state(number) for number in (3, 4, 6)] == ["done", "asked", None]
    assert program.answers([3, 4, 6]) == [Answer(3, "{}", None)]
    worker.commit([], [(0.5, 3)])
    assert program.answers([3]) == [Answer(3, "{}", 0.5)]


def test_rows_are_forgotten_once_they_are_in_the_output_or_are_asked_again(
    program: SharedJournal, worker: SharedJournal
) -> None:
    worker.commit([1, 2, 3, 4], [])
    for number, state in ((1, "done"), (2, "failed"), (3, "done")):
        worker.append(number, state, "{}")
    program.forget([1])
    program.forget_failures()
    worker.withdraw([3, 4])
    assert [program.state(number) for number in (1, 2, 3, 4)] == [None, None, "done", None]


@pytest.mark.parametrize("is_new_run", [True, False])
def test_workers_of_a_run_that_has_ended_ask_nothing_more(
    target: Target, program: SharedJournal, worker: SharedJournal, is_new_run: bool
) -> None:
    worker.commit([1], [])
    worker.append(1, "done", "{}")
    if is_new_run:
        SharedJournal(target, "run").close()
    else:
        program.end()
    worker.commit([], [])
    with pytest.raises(RunEnded):
        worker.commit([2], [(0.25, 1)])
    assert (program.state(2), program.answers([1])) == (None, [Answer(1, "{}", 0.25)])


def test_a_worker_with_another_journal_is_refused(tmp_path: Path, program: SharedJournal) -> None:
    with pytest.raises(OutputError, match="must be the same for all"):
        SharedJournal(Target(str(tmp_path / "another"), is_postgres=False), "run", program.epoch)
    with pytest.raises(OutputError, match="cannot be used as the journal"):
        SharedJournal(Target(str(tmp_path), is_postgres=False), "run")


def test_all_workers_together_spend_no_more_than_the_sum(target: Target, worker: SharedJournal) -> None:
    other = SharedJournal(target, "run", worker.epoch)
    fits = [journal.reserve(0.25, 1.0) for _ in range(3) for journal in (worker, other)]
    other.spend(-0.25)
    assert fits == [True] * 4 + [False] * 2
    assert (worker.spent(), worker.reserve(0.25, 1.0)) == (0.75, True)
    other.close()
