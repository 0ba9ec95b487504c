"""A run through a Batch API: each row gets one line, and no job is sent twice, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client.batch import Batch, BatchError, Summary, arun_batch, job_run
from mcp_models.client.batch import run as run_module
from mcp_models.servers.core.completion import MISFIT, Completion
from mcp_models.servers.core.errors import InvalidRequestError, OverloadedError, RefusalError, UnreachableError
from mcp_models.servers.core.ledger.target import ledger_target
from mcp_models.servers.core.ledger.writer import writer_to
from mcp_models.servers.openai_mcp_server import OpenAI
from tests.client.batch.fake_jobs import FakeJobs, completed
from tests.client.batch.fakes import outcome, write


class KilledError(BaseException):
    """Stands for the end of the process."""


class Scene:
    """A batch of OpenAI's whose Batch API is a fake."""

    def __init__(self, folder: Path, jobs: FakeJobs) -> None:
        self.jobs, self.output, self._folder = jobs, folder / "out.jsonl", folder
        self.said: list[str] = []

    def rows(self, *rows: Any) -> None:
        """Write the input."""
        write(self._folder / "in.jsonl", *rows)

    async def run(self, **options: Any) -> Summary:
        """Run the batch."""
        given = {"provider": "openai", "model": "gpt-4o", "route": "batch", **options}
        return await arun_batch(Batch(input=str(self._folder / "in.jsonl"), output=str(self.output), **given), self)

    def show(self, run: Any) -> None:
        """Show nothing."""

    def say(self, sentence: str) -> None:
        """Keep what was said."""
        self.said.append(sentence)

    def asked(self) -> Counter[str]:
        """Return how often each prompt was in a job."""
        return Counter(row["prompt"] for rows in self.jobs.sent.values() for row in rows)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    jobs = FakeJobs()
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    monkeypatch.setattr(OpenAI, "batch_jobs", lambda self: jobs, raising=False)
    monkeypatch.setattr(job_run, "FIRST_POLL", 0.001)
    monkeypatch.setattr(run_module, "COMMIT_SECONDS", 0.01)
    return Scene(tmp_path, jobs)


def prompts(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "prompt": f"p{number}", "topic": number} for number in range(count)]


async def test_rows_are_split_into_jobs_and_each_has_a_line(scene: Scene) -> None:
    scene.rows(*prompts(25), {"id": "same", "prompt": "p3"}, {"id": "no", "prompt": "impossible"}, "{bad")
    summary = await scene.run()
    assert [len(rows) for rows in scene.jobs.sent.values()] == [10, 10, 5]
    expected: dict[Any, str] = {f"r{number}": f"p{number}" for number in range(25)}
    assert outcome(scene.output) == {**expected, "same": "p3", "no": "invalid_request", 28: "invalid_request"}
    lines = {line["id"]: line for line in map(json.loads, scene.output.read_text().splitlines())}
    assert (lines["r7"]["columns"], lines["r7"]["service_tier"], lines["r7"]["cost_usd"]) == ({"topic": 7}, "batch", 0.01)
    assert (summary.ending, summary.succeeded, round(summary.spent, 6)) == ("complete", 26, 0.25)


async def test_answers_for_a_schema_are_parsed_also_by_a_later_run(scene: Scene) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    scene.rows(
        {"prompt": '{"age": 3}', "response_schema": schema},
        {"prompt": '{"age": "old"}', "response_schema": schema},
        {"prompt": "{}"},
    )

    def killed(name: str, now_accepted: bool) -> None:
        if now_accepted:
            raise KilledError

    scene.jobs.submitting = killed
    with pytest.raises(KilledError):
        await scene.run()
    await scene.run()
    lines = {line["line"]: line for line in map(json.loads, scene.output.read_text().splitlines())}
    assert [(line["structured"], line["warnings"]) for line in (lines[1], lines[3])] == [({"age": 3}, []), (None, [])]
    assert lines[2]["warnings"][0].startswith(MISFIT)


async def test_models_have_jobs_of_their_own_where_a_job_has_one(scene: Scene) -> None:
    scene.rows({"prompt": "a"}, {"prompt": "b", "model": "gpt-5.2"}, {"prompt": "c"})
    await scene.run()
    assert sorted(sorted(row["prompt"] for row in rows) for rows in scene.jobs.sent.values()) == [["a", "c"], ["b"]]


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_a_kill_between_the_journal_and_the_id_of_a_job(scene: Scene, is_accepted: bool) -> None:
    scene.rows(*prompts(5))

    def killed(name: str, now_accepted: bool) -> None:
        if now_accepted == is_accepted:
            scene.jobs.submitting = lambda name, is_accepted: None
            raise KilledError

    scene.jobs.submitting = killed
    with pytest.raises(KilledError):
        await scene.run()
    summary = await scene.run()
    assert summary.succeeded == 5
    assert set(scene.asked().values()) == {1}
    assert len(scene.jobs.sent) == 1


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_a_lost_answer_to_a_submit_is_looked_for(scene: Scene, is_accepted: bool) -> None:
    scene.rows(*prompts(5))

    def lost(name: str, now_accepted: bool) -> None:
        if now_accepted == is_accepted:
            scene.jobs.submitting = lambda name, is_accepted: None
            raise UnreachableError("connection lost.")

    scene.jobs.submitting = lost
    summary = await scene.run()
    assert summary.ending == ("complete" if is_accepted else "stopped")
    assert (await scene.run()).succeeded == 5
    assert set(scene.asked().values()) == {1}


async def test_a_job_that_nobody_can_tell_of_is_left_to_the_next_run(scene: Scene) -> None:
    scene.rows(*prompts(5))

    def lost(*details: Any) -> None:
        raise UnreachableError("connection lost.")

    scene.jobs.submitting, scene.jobs.finding = (lambda name, is_accepted: lost() if is_accepted else None), lost
    summary = await scene.run()
    assert (summary.ending, summary.succeeded, summary.left) == ("stopped", 0, 5)
    scene.jobs.finding = lambda: None
    assert (await scene.run()).succeeded == 5
    assert set(scene.asked().values()) == {1}


@pytest.mark.parametrize("is_strangers", [False, True])
async def test_a_job_that_was_taken_for_another_one_is_looked_for_again(scene: Scene, is_strangers: bool) -> None:
    """Some providers keep no names: a running job of as many requests may be one of ours, or somebody else's."""
    scene.rows(*prompts(20))
    scene.jobs.sent["stranger"] = [{"id": "stranger-0", "prompt": "secret"}]

    def killed(name: str, is_accepted: bool) -> None:
        if len(scene.jobs.sent) == 2 and not is_accepted:  # the first job has been sent, and the second one has not
            raise KilledError

    scene.jobs.submitting, scene.jobs.polls = killed, 10**9
    with pytest.raises(KilledError):
        await asyncio.wait_for(scene.run(), 10)
    first = "stranger" if is_strangers else next(name for name in scene.jobs.sent if name != "stranger")
    scene.jobs.submitting, scene.jobs.polls = (lambda name, is_accepted: None), 3
    scene.jobs.guesses = [f"id of {first}"]
    summary = await asyncio.wait_for(scene.run(), 10)
    assert (summary.ending, summary.succeeded, round(summary.spent, 6)) == ("complete", 20, 0.2)
    assert outcome(scene.output) == {f"r{number}": f"p{number}" for number in range(20)}
    del scene.jobs.sent["stranger"]
    assert set(scene.asked().values()) == {1}


async def test_a_row_waits_for_one_whose_result_has_just_been_written(scene: Scene) -> None:
    scene.rows(*prompts(2))
    await scene.run()
    look = job_run.JobRun._look

    def too_early(self: job_run.JobRun, chunk: Any) -> Any:
        found = look(self, chunk)
        found[0].state, found[0].is_in_job = "asked", True
        patch.undo()
        return found

    scene.rows(*prompts(2), {"id": "same", "prompt": "p0"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_run.JobRun, "_look", too_early)
        summary = await scene.run()
    assert (summary.ending, summary.left, summary.succeeded) == ("complete", 0, 3)
    assert outcome(scene.output)["same"] == "p0"


async def test_a_run_that_is_ended_leaves_its_jobs_and_another_one_collects_them(scene: Scene) -> None:
    scene.rows(*prompts(12))
    scene.jobs.polls = 10**9
    original = job_run.JobRun._follow

    async def followed(self: job_run.JobRun, job: Any) -> None:
        if len(scene.jobs.sent) == 2:
            self.end("interrupted", "interrupted")
        await original(self, job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_run.JobRun, "_follow", followed)
        summary = await scene.run()
    assert (summary.ending, summary.left) == ("interrupted", 12)
    scene.jobs.polls = 0
    scene.rows(*prompts(13))
    summary = await scene.run(route="batch")
    assert summary.succeeded == 13
    assert set(scene.asked().values()) == {1}


async def test_rows_without_a_result_get_into_another_job_and_bad_ones_do_not(scene: Scene) -> None:
    scene.rows(*prompts(4))
    answers: dict[str, list[Any]] = {"p1": [None], "p2": [OverloadedError("expired.")], "p3": [InvalidRequestError("no.")]}

    def answer(prompt: str) -> Completion | Any:
        return answers[prompt].pop() if answers.get(prompt) else completed(prompt)

    scene.jobs.answer = answer
    summary = await scene.run()
    assert outcome(scene.output) == {"r0": "p0", "r1": "p1", "r2": "p2", "r3": "invalid_request"}
    assert scene.asked() == {"p0": 1, "p1": 2, "p2": 2, "p3": 1}
    assert (summary.ending, summary.failures) == ("complete", {"invalid_request": 1})


async def test_rows_that_never_get_a_result_are_left(scene: Scene) -> None:
    scene.rows(*prompts(2))
    scene.jobs.answer = lambda prompt: None
    summary = await scene.run()
    assert (summary.ending, summary.left, len(scene.jobs.sent)) == ("stopped", 2, 3)


async def test_a_job_that_the_provider_refuses_ends_the_run(scene: Scene) -> None:
    scene.rows(*prompts(2))
    scene.jobs.refusal = "line 1 is wrong"
    summary = await scene.run()
    assert (summary.ending, "line 1 is wrong" in summary.problem, summary.settled) == ("stopped", True, 0)
    scene.jobs.refusal = ""
    assert (await scene.run()).succeeded == 2


async def test_a_job_that_is_too_late_is_cancelled_and_its_rest_asked_by_the_standard_route(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.rows(*prompts(3))
    scene.jobs.polls = 10**9
    scene.jobs.answer = lambda prompt: completed(prompt) if prompt == "p0" else None
    monkeypatch.setattr("mcp_models.client.batch.route.JOB_SECONDS", 3599.0)
    monkeypatch.setattr("mcp_models.client.batch.batch.LEAST_RESERVE", 3600.0)
    calls: list[Any] = []

    async def by_calls(self: Any, tier: str | None) -> None:
        calls.append(tier)

    monkeypatch.setattr("mcp_models.client.batch.batch.Passes._by_calls", by_calls)

    def ended(name: str, is_accepted: bool) -> None:
        monkeypatch.setattr("mcp_models.client.batch.route.JOB_SECONDS", 1e9)

    scene.jobs.submitting = ended
    await scene.run(by="1h")
    assert len(scene.jobs.cancelled) == 1
    assert calls == [None]
    assert outcome(scene.output) == {"r0": "p0"}


async def test_what_jobs_cost_stands_in_the_ledger_once_useless_answers_included(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    monkeypatch.setenv("MCP_MODELS_LEDGER", str(ledger))
    refused = RefusalError("the model declined to answer.")
    scene.jobs.answer = lambda prompt: (completed(prompt), refused) if prompt == "p1" else completed(prompt)
    scene.rows(*prompts(3))
    summary = await scene.run()
    assert (summary.succeeded, summary.failed) == (2, 1)
    assert summary.spent == pytest.approx(0.03)
    target = ledger_target(os.environ)
    assert target is not None
    await asyncio.wrap_future(writer_to(target).flush())
    with sqlite3.connect(ledger) as connection:
        found = connection.execute("SELECT provider, host, model, cost_usd, error_type, service_tier FROM calls ORDER BY id")
        rows = found.fetchall()
    connection.close()
    assert sorted(rows, key=str) == sorted(
        [
            ("openai", "mcp-models", "gpt-4o", 0.01, None, "batch"),
            ("openai", "mcp-models", "gpt-4o", 0.01, "refusal", "batch"),
            ("openai", "mcp-models", "gpt-4o", 0.01, None, "batch"),
        ],
        key=str,
    )


async def test_a_sum_of_money_holds_for_jobs_at_half_the_price(scene: Scene) -> None:
    scene.rows(*({"id": f"r{number}", "prompt": f"p{number}", "max_tokens": 1000} for number in range(9)))
    summary = await scene.run(max_cost=0.03)
    assert summary.ending == "max_cost"
    assert 4 <= scene.asked().total() <= 6  # at most half a cent each


@pytest.mark.parametrize("is_killed", [False, True])
async def test_rows_that_got_into_no_job_cost_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch, is_killed: bool) -> None:
    scene.rows(*({**row, "max_tokens": 1000} for row in prompts(9)))
    put = job_run.JobRun._put

    def ended(self: job_run.JobRun, row: Any) -> None:
        put(self, row)
        if row.number == 9 and is_killed:
            raise KilledError
        if row.number == 9:
            self.end("interrupted", "interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(job_run.JobRun, "_put", ended)
        if is_killed:
            with pytest.raises(KilledError):
                await scene.run(max_cost=0.05)
        else:
            assert (await scene.run(max_cost=0.05)).left == 9
    summary = await scene.run(max_cost=0.05)  # all nine fit only if nothing counts as spent
    assert (summary.ending, summary.succeeded) == ("complete", 9)


async def test_standard_input_and_a_budget_are_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BatchError, match="to a file first"):
        await arun_batch(Batch(provider="openai", input="-", output=str(scene.output), route="batch"))
    monkeypatch.setenv("MCP_MODELS_BUDGET", "5 USD/day")
    scene.rows()
    with pytest.raises(BatchError, match="--max-cost instead"):
        await scene.run()
