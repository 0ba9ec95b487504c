"""What every Batch API of files does: nothing is sent twice, nothing that was billed is lost, every wait has an end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from mcp_models.servers.core import batch_files, errors
from mcp_models.servers.core.batches import BatchJobs, BatchResult
from mcp_models.servers.mistral_mcp_server import Mistral
from mcp_models.servers.openai_api import OpenAIAPI
from tests.fakes.batch_files import BatchFiles
from tests.fakes.endpoint import Reply, Request
from tests.fakes.mistral_batches import FakeMistralBatches
from tests.fakes.openai_batches import FakeOpenAIBatches
from tests.servers.batching import NAME, error_of, item, jobs_of, results_of, submitted

AMBIGUOUS = {"connection", "timeout", "overloaded", "provider_error"}
FAKES = [FakeOpenAIBatches, pytest.param(FakeMistralBatches, marks=pytest.mark.slow)]


@pytest.fixture(params=FAKES, ids=lambda fake: str(fake.provider))
def fake(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture
async def jobs(fake: BatchFiles) -> AsyncIterator[BatchJobs]:
    api = jobs_of(fake)
    yield api
    await api.aclose()


def posts(fake: BatchFiles) -> list[str]:
    return [request.path for request in fake.requests if request.method == "POST"]


async def test_a_job_is_sent_once_and_answers_every_request(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 3)
    assert len(posts(fake)) == 2
    assert fake.lines("file-1")[2]["custom_id"] == f"{NAME}-2"
    assert (await jobs.status(job_id)).state == "running"
    fake.run(job_id)
    status = await jobs.status(job_id)
    assert (status.state, status.done, status.total, status.problem) == ("ended", 3, 3, "")
    results = await results_of(jobs, job_id)
    assert sorted(results) == ["0", "1", "2"]
    completion = results["1"].completion
    assert completion is not None
    assert results["1"].error is None
    assert (completion.text, completion.provider, completion.stop_reason) == ("Hello from the fake.", fake.provider, "end_turn")
    assert (completion.service_tier, completion.auth_mode, completion.request_id) == ("batch", "api_key", "req_1")
    usage = completion.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (20, 10, 5)


async def test_an_answer_costs_half(fake: Any, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(jobs._provider), "has_list_prices", lambda _: True)  # type: ignore[attr-defined]
    model = {"openai": "gpt-5.2", "mistral": "mistral-medium-latest"}[fake.provider]
    job_id = await submitted(jobs, model=model)
    fake.run(job_id, lambda name, request: (200, {**fake.greeting(name, request)[1], "model": model}))
    completion = (await results_of(jobs, job_id))["0"].completion
    assert completion is not None
    # 15 tokens, 5 from the cache, and 10 out, each at half its price
    cost = {"openai": (15 * 1.75 + 5 * 0.175 + 10 * 14) / 2, "mistral": (15 * 1.5 + 5 * 0.15 + 10 * 7.5) / 2}[fake.provider]
    assert completion.cost_usd == pytest.approx(cost / 1_000_000)


async def test_some_requests_fail_and_the_others_do_not(fake: Any, jobs: BatchJobs) -> None:
    bad = {1: 400, 2: 401, 3: 429, 4: 500}

    def answer(item_id: str, request: Request) -> tuple[int, Any]:
        status = bad.get(int(item_id[-1]))
        return (status, {"error": {"message": "No.", "type": "x"}}) if status else fake.greeting(item_id, request)

    job_id = await submitted(jobs, 6)
    fake.run(job_id, answer)
    results = await results_of(jobs, job_id)
    assert {number for number, result in results.items() if result.completion} == {"0", "5"}
    found = {number: (error_of(results[str(number)]).type, error_of(results[str(number)]).retryable) for number in bad}
    kinds = {1: ("invalid_request", False), 2: ("authentication", False), 3: ("rate_limit", True), 4: ("provider_error", True)}
    assert found == kinds
    assert error_of(results["3"]).status == 429
    assert error_of(results["3"]).request_id == "req_3"
    assert error_of(results["3"]).message == "No (HTTP 429)."


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_a_job_that_ends_early_has_the_results_that_were_billed(fake: Any, jobs: BatchJobs, end: str) -> None:
    job_id = await submitted(jobs, 5)
    fake.run(job_id, end=end, answered=2)
    status = await jobs.status(job_id)
    assert (status.state, end in status.problem) == ("ended", True)
    results = await results_of(jobs, job_id)
    assert {number for number, result in results.items() if result.completion} == {"0", "1"}
    assert all(error_of(result).retryable for number, result in results.items() if number in "234")


async def test_an_answer_without_text_is_an_error_that_was_billed(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    fake.run(job_id, fake.silence)
    result = (await results_of(jobs, job_id))["0"]
    assert error_of(result).type == "empty_output"
    assert result.completion is not None
    assert result.completion.usage.output_tokens == 10


async def test_an_answer_that_makes_no_sense_costs_only_itself(
    fake: Any, jobs: BatchJobs, capsys: pytest.CaptureFixture[str]
) -> None:
    nonsense: list[Any] = [None, [], "x", {"object": "response"}, {"object": 3}, {"object": "chat.completion", "choices": [1]}]
    job_id = await submitted(jobs, len(nonsense) + 1)
    fake.run(job_id, lambda name, request: (200, [*nonsense, fake.greeting(name, request)[1]][int(name[-1])]))
    results = await results_of(jobs, job_id)
    assert [number for number, result in results.items() if result.error is None] == [str(len(nonsense))]
    assert len(results) == len(nonsense) + 1


async def test_a_lost_answer_leaves_one_job_which_is_found_again(fake: Any, jobs: BatchJobs) -> None:
    started = time.time()
    fake.loses_answers = True
    with pytest.raises(errors.CompletionError) as failure:
        await submitted(jobs, 2)
    assert failure.value.type in AMBIGUOUS
    assert (len(fake.jobs), len(posts(fake))) == (1, 2)
    assert await jobs.find(NAME, started, 2) == next(iter(fake.jobs))
    assert await jobs.find("run-2", started, 2) is None
    assert len(fake.jobs) == 1


async def test_a_job_is_found_among_many(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    fake.jobs = {name: job for name, job in fake.jobs.items() if name != job_id} | {job_id: fake.jobs[job_id]}
    now = int(time.time())
    fake.add_jobs(50, now - 10)
    for number in range(120):
        fake.jobs[f"later-{number}"] = {**fake.jobs[job_id], "id": f"later-{number}", "metadata": None}
    fake.requests.clear()
    assert await jobs.find(NAME, now, 1) == job_id
    assert len(fake.requests) == 2


async def test_jobs_from_before_are_not_read(fake: Any, jobs: BatchJobs) -> None:
    fake.add_jobs(500, int(time.time()) - 100_000)
    assert await jobs.find(NAME, time.time(), 1) is None
    assert len(fake.requests) == 1


async def test_a_list_that_begins_with_the_oldest_job_is_read_to_its_end(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    fake.add_jobs(250, int(time.time()) - 100_000)
    fake.oldest_first = True
    assert await jobs.find(NAME, time.time(), 1) == job_id


CALLS: dict[str, Callable[[BatchJobs], Any]] = {
    "upload": submitted,
    "find": lambda jobs: jobs.find(NAME, time.time(), 1),
    "status": lambda jobs: jobs.status("some"),
    "results": lambda jobs: results_of(jobs, "some"),
    "cancel": lambda jobs: jobs.cancel("some"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit"), (500, "provider_error"), (503, "overloaded")])
async def test_an_error_status_ends_each_call_at_once(fake: Any, jobs: BatchJobs, call: str, status: int, kind: str) -> None:
    fake.script(fake.error(status, "Not now.", retry_after="7"))
    with pytest.raises(errors.CompletionError, match=r"Not now.*HTTP") as failure:
        await CALLS[call](jobs)
    assert (failure.value.type, failure.value.retryable, failure.value.retry_after) == (kind, True, 7)
    assert (len(fake.requests), len(fake.jobs)) == (1, 0)


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request"), (429, "rate_limit"), (500, "provider_error")])
async def test_a_job_that_is_refused_is_not_sent_again(fake: Any, jobs: BatchJobs, status: int, kind: str) -> None:
    fake.script(fake.upload_reply(), fake.error(status, "Not now."))
    fake.files["file-1"] = b""
    with pytest.raises(errors.CompletionError) as failure:
        await submitted(jobs)
    assert failure.value.type == kind
    assert (len(posts(fake)), len(fake.jobs)) == (2, 0)


async def test_a_download_that_fails_is_an_error(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    fake.run(job_id)
    fake.files.clear()
    with pytest.raises(errors.CompletionError):
        await results_of(jobs, job_id)


@pytest.mark.parametrize("call", CALLS)
async def test_a_silent_provider_is_waited_for_no_longer_than_the_bound(
    fake: Any, jobs: BatchJobs, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSWER_SECONDS", "UPLOAD_SECONDS"):
        monkeypatch.setattr(batch_files, name, 0.05)
    monkeypatch.setattr(f"mcp_models.servers.{fake.provider}_batches.ANSWER_SECONDS", 0.05)
    fake.script(Reply(chunks=[b"x"], pause=60))
    with pytest.raises(errors.CallTimeoutError):
        await CALLS[call](jobs)


async def test_a_download_that_stands_still_ends(fake: Any, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"mcp_models.servers.{fake.provider}_batches.ANSWER_SECONDS", 0.3)
    job_id = await submitted(jobs)
    fake.run(job_id)
    fake.content = lambda _: Reply(chunks=[b'{"custom_id'], pause=60, content_type="application/octet-stream")
    with pytest.raises(errors.CallTimeoutError):
        await results_of(jobs, job_id)


async def test_a_download_that_breaks_off_is_an_error_after_what_came(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 2)
    fake.run(job_id)
    pieces = list(fake.content(fake.result_file(job_id)).chunks)[:2]
    fake.content = lambda _: Reply(chunks=pieces, cut=True, content_type="application/octet-stream")
    came: list[BatchResult] = []

    async def read() -> None:
        async for result in jobs.results(job_id):
            came.append(result)

    with pytest.raises(errors.UnreachableError):
        await read()
    assert [result.id for result in came] == [f"{NAME}-0"]


async def test_results_come_before_their_file_has_ended(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 2)
    fake.run(job_id)
    first, second = fake.files[fake.result_file(job_id)].splitlines(keepends=True)
    read = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield first
        assert read.wait(10)
        yield second

    fake.content = lambda _: Reply(chunks=pieces(), content_type="application/octet-stream")
    came = []
    async for result in jobs.results(job_id):
        came.append(result.id)
        read.set()
    assert came == [f"{NAME}-0", f"{NAME}-1"]


async def test_a_line_that_cannot_be_read_is_an_error_of_its_request_or_a_warning(
    fake: Any, jobs: BatchJobs, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await submitted(jobs, 2)
    fake.run(job_id)
    name = fake.result_file(job_id)
    broken = b'{"id": "x", "custom_id": "%s-7", "response": {"stat\n\n' % NAME.encode()
    fake.files[name] = broken + b"nonsense\n[]\n" + fake.files[name].rstrip(b"\n")
    with caplog.at_level(logging.WARNING, "mcp_models"):
        results = await results_of(jobs, job_id)
    assert sorted(results) == ["0", "1", "7"]
    assert error_of(results["7"]).type == "provider_error"
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "a line of a batch's results cannot be read"
    ] * 2


async def test_a_job_of_thousands(fake: Any, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 3000)
    fake.run(job_id, answered=2500, end="expired")
    results = await results_of(jobs, job_id)
    assert len(results) == 3000
    assert sum(result.completion is not None for result in results.values()) == 2500


async def test_a_text_that_is_not_unicode_is_refused_before_the_provider_refuses_the_whole_file(jobs: BatchJobs) -> None:
    with pytest.raises(errors.InvalidRequestError, match="Unicode"):
        jobs.line(item(prompt="half a pair: \ud800"))


async def test_a_secret_in_what_the_provider_says_is_not_passed_on(fake: Any, jobs: BatchJobs) -> None:
    fake.script(fake.error(400, f"Invalid key {fake.key} in the metadata."))
    with pytest.raises(errors.InvalidRequestError) as failure:
        await submitted(jobs)
    assert fake.key not in str(failure.value)
    assert fake.key not in repr(jobs)


async def test_a_key_that_is_missing_is_an_error_before_anything_is_sent() -> None:
    for provider in (OpenAIAPI, Mistral):
        with pytest.raises(errors.MissingKeyError):
            provider({}).batch_jobs()
