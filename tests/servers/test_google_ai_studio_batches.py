"""The Batch API of Google AI Studio, against a strict fake of it: files, jobs, results, and how a lost job is found again."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest

from mcp_models.servers.core import errors
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult
from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, ImagePart, Message, TextPart, Usage
from mcp_models.servers.google_ai_studio_mcp_server import GoogleAIStudio, payload
from tests.fakes.endpoint import Reply, json_reply
from tests.fakes.google_ai_studio_batches import FakeGoogleBatches, failed, response
from tests.matrix import SCHEMA

pytestmark = pytest.mark.slow

MODEL = "gemini-2.5-flash"


@pytest.fixture
def fake() -> Iterator[FakeGoogleBatches]:
    with FakeGoogleBatches() as endpoint:
        yield endpoint


@pytest.fixture
async def jobs(fake: FakeGoogleBatches) -> AsyncIterator[BatchJobs]:
    made = GoogleAIStudio(fake.environment()).batch_jobs()
    assert made is not None
    yield made
    await made.aclose()


def item(number: int | str = 0, name: str = "job-a", **fields: Any) -> BatchItem:
    return BatchItem(f"{name}-{number}", CompletionRequest(**{"prompt": "Hello?", "model": MODEL, **fields}))


def lines(jobs: BatchJobs, count: int = 3, name: str = "job-a") -> list[bytes]:
    return [jobs.line(item(number, name)) for number in range(count)]


async def read(jobs: BatchJobs, job_id: str) -> dict[str, BatchResult]:
    return {result.id: result async for result in jobs.results(job_id)}


@pytest.mark.parametrize("form", [{}, {"inline": True}, {"old": True}], ids=["file", "inline", "old"])
async def test_a_job_is_sent_and_its_results_are_read(fake: FakeGoogleBatches, jobs: BatchJobs, form: dict[str, Any]) -> None:
    job = await jobs.submit("job-a", f"models/{MODEL}", lines(jobs))
    status = await jobs.status(job)
    assert (status.state, status.native_state, status.done, status.total) == ("running", "BATCH_STATE_PENDING", 0, 3)
    fake.end(job, **form)
    status = await jobs.status(job)
    assert (status.state, status.done, status.total, status.problem) == ("ended", 3, 3, "")
    results = await read(jobs, job)
    assert sorted(results) == ["job-a-0", "job-a-1", "job-a-2"]
    completion = results["job-a-1"].completion
    assert completion is not None
    assert (completion.text, completion.reasoning, completion.stop_reason) == ("Hello, job-a-1.", "hmm", "end_turn")
    assert completion.usage == Usage(input_tokens=20, output_tokens=10, cache_read_tokens=5, reasoning_tokens=4)
    assert (completion.provider, completion.service_tier, completion.model) == ("google_ai_studio", "batch", MODEL)


async def test_an_answer_of_googles_own_server_costs_half_but_for_cached_tokens(
    fake: FakeGoogleBatches, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GoogleAIStudio, "has_list_prices", lambda self: True)
    job = await jobs.submit("job-a", MODEL, lines(jobs, 1))
    fake.end(job)
    completion = (await read(jobs, job))["job-a-0"].completion
    assert completion is not None
    assert completion.cost_usd == pytest.approx((15 * 0.15 + 5 * 0.03 + 10 * 1.25) / 1e6)


async def test_a_line_is_what_a_call_sends(jobs: BatchJobs) -> None:
    fields: dict[str, Any] = {
        "messages": [
            Message(
                "user",
                [
                    TextPart("What?\u2028"),
                    ImagePart("data:image/png;base64,aGk="),
                    DocumentPart("data:application/pdf;base64,aGk="),
                ],
            )
        ],
        "prompt": None,
        "system": "Be brief.",
        "max_tokens": 4000,
        "stop": ["END"],
        "seed": 7,
        "temperature": 0.5,
        "response_schema": SCHEMA,
        "reasoning_effort": "xhigh",
    }
    line = json.loads(jobs.line(item(**fields)))
    called = payload(CompletionRequest(**{**fields, "model": MODEL, "reasoning_effort": "high"}))
    assert line == {"key": "job-a-0", "request": json.loads(json.dumps(called))}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "gemini-3.8-flash", "temperature": 0.5}, "gemini-3.8-flash does not take `temperature`"),
        ({"service_tier": "flex"}, "service_tier: a batch is a tier of its own"),
        ({"messages": [Message("user", [ImagePart("https://example.com/a.png")])], "prompt": None}, "only as base64"),
    ],
)
async def test_a_request_that_cannot_go_is_refused_before_it_is_sent(
    jobs: BatchJobs, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.InvalidRequestError, match=said):
        jobs.line(item(**fields))


async def test_each_request_may_fail_in_its_own_way(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    ends: list[tuple[dict[str, Any], str, bool]] = [
        (failed(1, "The operation was cancelled."), "overloaded", True),
        (failed(3, "Invalid argument"), "invalid_request", False),
        (failed(4, "Deadline exceeded"), "timeout", True),
        (failed(8, "Quota exceeded"), "rate_limit", True),
        (failed(13, "Internal error"), "provider_error", True),
        (failed(14, "The model is overloaded."), "overloaded", True),
        (failed(503, "The model is overloaded."), "overloaded", True),
        ({"response": {"promptFeedback": {"blockReason": "SAFETY"}}}, "content_filter", False),
        (response("Well,", "SAFETY"), "content_filter", False),
        (response("", "MAX_TOKENS"), "empty_output", False),
        ({}, "connection", True),
        ({"response": {"candidates": 5}}, "provider_error", False),
        (response("Well,", "MALFORMED_RESPONSE"), "provider_error", True),
    ]
    job = await jobs.submit("job-a", MODEL, lines(jobs, len(ends) + 1))
    fake.end(job, *(row for row, _, _ in ends), state="PARTIALLY_SUCCEEDED")
    status = await jobs.status(job)
    assert (status.state, status.done, status.problem) == ("ended", len(ends) + 1, "some requests failed")
    results = await read(jobs, job)
    for number, (_, kind, retryable) in enumerate(ends):
        error = results[f"job-a-{number}"].error
        assert error is not None, kind
        assert (error.type, error.retryable) == (kind, retryable)
    assert results[f"job-a-{len(ends)}"].error is None


async def test_a_completion_that_was_billed_has_its_usage_beside_the_error(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs, 1))
    fake.end(job, response("", "MAX_TOKENS"))
    result = (await read(jobs, job))["job-a-0"]
    assert result.error is not None
    assert result.completion is not None
    assert result.completion.usage.output_tokens == 10


@pytest.mark.parametrize(
    ("native", "state"),
    [
        ("BATCH_STATE_PENDING", "running"),
        ("BATCH_STATE_RUNNING", "running"),
        ("BATCH_STATE_CANCELLING", "running"),
        ("JOB_STATE_PAUSED", "running"),
        ("JOB_STATE_UPDATING", "running"),
        ("JOB_STATE_QUEUED", "running"),
        ("BATCH_STATE_BRAND_NEW", "running"),
        ("JOB_STATE_SUCCEEDED", "ended"),
        ("BATCH_STATE_CANCELLED", "ended"),
        ("BATCH_STATE_EXPIRED", "ended"),
        ("BATCH_STATE_FAILED", "failed"),
    ],
)
async def test_every_state_has_a_meaning(fake: FakeGoogleBatches, jobs: BatchJobs, native: str, state: str) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.jobs[job]["metadata"]["state"] = native
    status = await jobs.status(job)
    assert (status.state, status.native_state) == (state, native)


async def test_a_job_that_fails_as_a_whole_says_why(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.stop(job, "FAILED", code=3, message=f"The file is wrong, {fake.key}.")
    status = await jobs.status(job)
    assert (status.state, status.problem) == ("failed", "it failed: The file is wrong, [redacted].")
    assert await read(jobs, job) == {}


async def test_an_expired_job_has_no_results(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.stop(job, "EXPIRED")
    assert "it expired" in (await jobs.status(job)).problem
    assert await read(jobs, job) == {}


async def test_a_cancelled_job_may_have_some(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    await jobs.cancel(job)
    assert (await jobs.status(job)).native_state == "BATCH_STATE_CANCELLING"
    fake.end(job, failed(1, "Cancelled"), state="CANCELLED")
    status = await jobs.status(job)
    assert (status.state, status.problem) == ("ended", "it was cancelled")
    results = await read(jobs, job)
    assert [results[f"job-a-{number}"].error is None for number in range(3)] == [False, True, True]


async def test_results_that_are_still_to_come_are_never_taken_for_none(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    with pytest.raises(errors.InvalidRequestError, match="has not ended"):
        await read(jobs, job)
    fake.stop(job, "SUCCEEDED")
    with pytest.raises(errors.ProviderError, match="not there yet") as raised:
        await read(jobs, job)
    assert raised.value.retryable
    fake.end(job)
    del fake.files[f"files/batch-{job.removeprefix('batches/')}"]
    with pytest.raises(errors.InvalidRequestError, match="gone"):
        await read(jobs, job)


async def test_a_result_that_does_not_say_whose_it_is(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.end(job, {"key": None, **response("Hello")})
    with pytest.raises(errors.ProviderError, match="whose"):
        await read(jobs, job)


async def test_a_job_whose_answer_was_lost_is_sent_once_and_found(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    since = time.time()
    assert await jobs.find("job-a", since, 3) is None
    fake.loses_answers, fake.page = True, 1
    for name in ("job-a", "job-b"):
        with pytest.raises(errors.UnreachableError):
            await jobs.submit(name, MODEL, lines(jobs, 3, name))
    assert len(fake.jobs) == 2
    found = await jobs.find("job-b", since, 3)
    assert found == list(fake.jobs)[1]
    assert await jobs.find("job-c", since, 3) is None


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_failure_is_reported_at_once_and_nothing_is_sent_again(
    fake: FakeGoogleBatches, jobs: BatchJobs, status: int
) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.end(job)
    calls: list[tuple[int, Awaitable[object]]] = [
        *((skipped, jobs.submit("job-b", MODEL, lines(jobs))) for skipped in range(3)),  # two requests are an upload
        (0, jobs.find("job-a", 0, 3)),
        (0, jobs.status(job)),
        (0, jobs.cancel(job)),
        *((skipped, read(jobs, job)) for skipped in range(2)),
    ]
    for skipped, call in calls:
        fake.requests.clear()
        fake.fail_after(skipped, fake.error(status, "no", retry_after="7"))
        with pytest.raises(errors.CompletionError) as raised:
            await call
        assert (raised.value.status, raised.value.retryable, raised.value.retry_after) == (status, True, 7)
        assert len(fake.requests) == skipped + 1
    assert len(fake.jobs) == 1


async def test_a_job_that_is_refused_as_a_whole(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    with pytest.raises(errors.ModelNotFoundError):
        await jobs.submit("job-a", "nope", lines(jobs))
    fake.fail_after(2, fake.error(400, "The file has too many requests."))
    with pytest.raises(errors.InvalidRequestError, match="too many requests"):
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert fake.jobs == {}


@pytest.mark.parametrize("job", ["batches/nope", "../models", "batches/a/b", "batches/a?key=x"])
async def test_a_job_that_does_not_exist(fake: FakeGoogleBatches, jobs: BatchJobs, job: str) -> None:
    for call in (jobs.status(job), read(jobs, job), jobs.cancel(job)):
        with pytest.raises(errors.InvalidRequestError, match="there is no job"):
            await call


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"name": "../x"}'])
async def test_an_answer_without_a_name_leaves_it_open_whether_there_is_a_job(
    fake: FakeGoogleBatches, jobs: BatchJobs, body: bytes
) -> None:
    fake.fail_after(2, Reply(200, body))
    with pytest.raises(errors.ProviderError):
        await jobs.submit("job-a", MODEL, lines(jobs))


async def test_results_that_break_off_are_an_error_after_what_has_come(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    fake.end(job)
    row = json.dumps({"key": "job-a-0", **response("Hello")}).encode() + b"\n"
    for reply in (Reply(chunks=[row], cut=True), Reply(chunks=[row, b"{nonsense}\n"])):
        fake.fail_after(1, reply)
        results = jobs.results(job)
        assert (await anext(results)).id == "job-a-0"
        with pytest.raises(errors.CompletionError):
            await anext(results)


async def test_a_call_that_is_never_answered_ends(fake: FakeGoogleBatches) -> None:
    jobs = GoogleAIStudio({**fake.environment(), "MCP_MODELS_TIMEOUT": "0.2"}).batch_jobs()
    assert jobs is not None
    fake.script(Reply(chunks=[b" "] * 100, pause=0.1))
    with pytest.raises(errors.CallTimeoutError, match=r"no answer within 0\.2 s"):
        await jobs.status("batches/b1")
    await jobs.aclose()


async def test_a_job_of_thousands_of_requests_with_results_longer_than_any_one_answer(
    fake: FakeGoogleBatches, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp_models.servers.core import response_limits

    monkeypatch.setattr(response_limits, "LONGEST_EVENT", 10_000)
    monkeypatch.setattr(response_limits, "LONGEST_RESPONSE", 100_000)
    one = jobs.line(item("N"))
    job = await jobs.submit("job-a", MODEL, [one.replace(b"job-a-N", b"job-a-%d" % number) for number in range(3000)])
    fake.end(job)
    assert len(await read(jobs, job)) == 3000


async def test_the_key_is_never_in_an_address_or_an_error(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    fake.script(json_reply({"error": {"code": 400, "message": f"bad key {fake.key}"}}, 400))
    with pytest.raises(errors.CompletionError) as raised:
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert fake.key not in str(raised.value)
    assert all(fake.key not in request.path for request in fake.requests)


async def test_googles_own_sdk_reads_the_fake_and_sends_what_we_send(fake: FakeGoogleBatches, jobs: BatchJobs) -> None:
    from google import genai

    client = genai.Client(api_key=fake.key, http_options={"base_url": fake.url, "api_version": "v1beta"})
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    ours = fake.requests[-1]
    theirs_job = client.batches.create(model=MODEL, src=next(iter(fake.files)), config={"display_name": "job-a"})
    assert (fake.requests[-1].path, fake.requests[-1].body) == (ours.path, ours.body)
    fake.end(job)
    read_job = client.batches.get(name=job)
    assert (read_job.display_name, read_job.state and read_job.state.name) == ("job-a", "JOB_STATE_SUCCEEDED")
    assert read_job.dest is not None
    assert read_job.dest.file_name == f"files/batch-{job.removeprefix('batches/')}"
    assert [each.name for each in client.batches.list()] == [job, theirs_job.name]
    client.close()
