"""Anthropic's Batch API, against a strict fake of it: lines, jobs, results, and how a lost job is found again."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mcp_models.servers.anthropic_mcp_server import Anthropic
from mcp_models.servers.core import errors
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult
from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, ImagePart, Message, TextPart, Usage
from tests.fakes.anthropic_batches import CANCELED, EXPIRED, FakeAnthropicBatches, errored, succeeded
from tests.fakes.endpoint import Reply
from tests.matrix import SCHEMA

MODEL = "claude-sonnet-4-6"


@pytest.fixture
def fake() -> Iterator[FakeAnthropicBatches]:
    with FakeAnthropicBatches() as endpoint:
        yield endpoint


@pytest.fixture
async def jobs(fake: FakeAnthropicBatches) -> AsyncIterator[BatchJobs]:
    made = Anthropic(fake.environment()).batch_jobs()
    assert made is not None
    yield made
    await made.aclose()


def item(number: int | str = 0, name: str = "job-a", **fields: Any) -> BatchItem:
    return BatchItem(f"{name}-{number}", CompletionRequest(**{"prompt": "Hello?", "model": MODEL, **fields}))


def lines(jobs: BatchJobs, count: int = 3, name: str = "job-a") -> list[bytes]:
    return [jobs.line(item(number, name)) for number in range(count)]


async def read(jobs: BatchJobs, job_id: str) -> dict[str, BatchResult]:
    return {result.id: result async for result in jobs.results(job_id)}


async def test_a_job_is_sent_and_its_results_are_read(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    status = await jobs.status(job)
    assert (status.state, status.native_state, status.done, status.total) == ("running", "in_progress", 0, 3)
    fake.end(job)
    status = await jobs.status(job)
    assert (status.state, status.done, status.total, status.problem) == ("ended", 3, 3, "")
    results = await read(jobs, job)
    assert sorted(results) == ["job-a-0", "job-a-1", "job-a-2"]
    completion = results["job-a-1"].completion
    assert completion is not None
    assert (completion.text, completion.reasoning, completion.stop_reason) == ("Hello, job-a-1.", "hmm", "end_turn")
    assert completion.usage == Usage(input_tokens=20, output_tokens=10, cache_read_tokens=5, reasoning_tokens=4)
    assert (completion.provider, completion.service_tier, completion.auth_mode) == ("anthropic", "batch", "api_key")


async def test_an_answer_of_anthropics_own_server_costs_half(
    fake: FakeAnthropicBatches, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Anthropic, "has_list_prices", lambda self: True)
    job = await jobs.submit("job-a", MODEL, lines(jobs, 1))
    fake.end(job)
    completion = (await read(jobs, job))["job-a-0"].completion
    assert completion is not None
    assert completion.cost_usd == pytest.approx((15 * 1.5 + 5 * 0.15 + 10 * 7.5) / 1e6)


async def test_a_line_is_what_a_call_sends(jobs: BatchJobs) -> None:
    fields: dict[str, Any] = {
        "messages": [
            Message(
                "user",
                [TextPart("What?"), ImagePart("data:image/png;base64,aGk="), DocumentPart("data:application/pdf;base64,aGk=")],
            )
        ],
        "prompt": None,
        "system": "Be brief. " * 2000,
        "max_tokens": 4000,
        "stop": ["END"],
        "response_schema": SCHEMA,
        "reasoning_effort": "xhigh",
    }
    line = json.loads(jobs.line(item(**fields)))
    called = Anthropic({"ANTHROPIC_API_KEY": "sk-ant-made-up"}).payload(
        CompletionRequest(**{**fields, "model": MODEL, "reasoning_effort": "high"})
    )
    assert line["custom_id"] == "job-a-0"
    assert line["params"] == json.loads(json.dumps(called))


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, "2023-06-01"),
        ({"temperature": 0.5}, "2023-06-01"),
        ({"reasoning_effort": "high"}, "2026-10-21"),
        ({"model": "claude-opus-5-5", "prompt": '"params":{"temperature":1'}, "2026-10-21"),
    ],
)
async def test_only_a_job_with_sampling_is_sent_under_the_old_version(
    fake: FakeAnthropicBatches, jobs: BatchJobs, fields: dict[str, Any], version: str
) -> None:
    await jobs.submit("job-a", MODEL, [jobs.line(item(0, model="claude-opus-5-5")), jobs.line(item(1, **fields))])
    assert fake.requests[-1].headers["anthropic-version"] == version


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "claude-opus-5-5", "temperature": 0.5}, "claude-opus-5-5 does not take `temperature`"),
        ({"model": "claude-sonnet-5-5", "top_p": 0.5}, "does not take `top_p`"),
        ({"seed": 7}, "does not take `seed`"),
        ({"service_tier": "standard"}, "service_tier: a batch is a tier of its own"),
    ],
)
async def test_a_request_that_cannot_go_is_refused_before_it_is_sent(
    jobs: BatchJobs, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.InvalidRequestError, match=said):
        jobs.line(item(**fields))
    with pytest.raises(errors.InvalidRequestError, match="id: expected"):
        jobs.line(item("ü"))


async def test_each_request_may_fail_in_its_own_way(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "I cannot help with that."}
    ends: list[tuple[dict[str, Any], str, bool]] = [
        (errored("invalid_request_error", "max_tokens: too large"), "invalid_request", False),
        (errored("invalid_request_error", "prompt is too long: 9 > 8"), "context_length", False),
        (errored("not_found_error", "model: nope"), "model_not_found", False),
        (errored("billing_error", "no credit"), "billing", False),
        (errored("overloaded_error", "Overloaded"), "overloaded", True),
        (errored("api_error", "Internal server error"), "provider_error", True),
        (CANCELED, "provider_error", True),
        (EXPIRED, "overloaded", True),
        (succeeded(MODEL, "", stop_reason="refusal", stop_details=details), "refusal", False),
        (succeeded(MODEL, " "), "empty_output", False),
        (succeeded(MODEL, "", content=None), "provider_error", False),
        ({"type": "brand_new"}, "provider_error", False),
    ]
    job = await jobs.submit("job-a", MODEL, lines(jobs, len(ends) + 1))
    fake.end(job, *(row for row, _, _ in ends))
    results = await read(jobs, job)
    for number, (_, kind, retryable) in enumerate(ends):
        error = results[f"job-a-{number}"].error
        assert error is not None, kind
        assert (error.type, error.retryable) == (kind, retryable)
    assert results[f"job-a-{len(ends)}"].completion is not None
    refused = results["job-a-8"]
    assert refused.error is not None
    assert "I cannot help with that." in refused.error.message
    assert refused.completion is not None, "it was billed"


async def test_a_job_that_is_cancelled_or_expires_has_results_all_the_same(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    await jobs.cancel(job)
    assert (await jobs.status(job)).native_state == "canceling"
    fake.end(job, CANCELED, EXPIRED)
    status = await jobs.status(job)
    assert (status.state, status.done, status.total) == ("ended", 1, 3)
    assert "it was cancelled (1 requests without an answer); it expired (1" in status.problem
    results = await read(jobs, job)
    assert [results[f"job-a-{number}"].completion is not None for number in range(3)] == [False, False, True]


async def test_a_job_whose_answer_was_lost_is_sent_once_and_found(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    since = time.time()
    fake.loses_answers = True
    with pytest.raises(errors.CompletionError) as raised:
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert raised.value.type in ("connection", "timeout", "overloaded", "provider_error")
    assert len(fake.jobs) == 1
    assert await jobs.find("job-a", since, 3) == "msgbatch_1"
    assert await jobs.find("job-a", since, 4) is None
    fake.end("msgbatch_1")
    assert await jobs.find("job-a", since, 3) == "msgbatch_1"
    assert await jobs.find("job", since, 3) == "msgbatch_1"  # its ids begin with `job-`, too
    assert await jobs.find("job-b", since, 3) is None


async def test_jobs_that_cannot_be_told_apart_are_not_guessed(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    since = time.time()
    fake.page = 1
    for name in ("job-a", "job-b", "job-c"):
        await jobs.submit(name, MODEL, lines(jobs, 2, name))
    with pytest.raises(errors.ProviderError, match="3 jobs with 2 requests are running") as raised:
        await jobs.find("job-a", since, 2)
    assert raised.value.retryable
    for job in list(fake.jobs):
        fake.end(job)
    assert await jobs.find("job-b", since, 2) == "msgbatch_2"


async def test_older_jobs_are_not_looked_at(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    await jobs.submit("job-a", MODEL, lines(jobs))
    fake.jobs["msgbatch_1"]["created_at"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert await jobs.find("job-a", time.time(), 3) is None


@pytest.mark.parametrize("status", [429, 500, 529])
async def test_a_failure_is_reported_at_once_and_nothing_is_sent_again(
    fake: FakeAnthropicBatches, jobs: BatchJobs, status: int
) -> None:
    for call in (
        jobs.submit("job-a", MODEL, lines(jobs)),
        jobs.find("job-a", 0, 3),
        jobs.status("msgbatch_1"),
        read(jobs, "msgbatch_1"),
        jobs.cancel("msgbatch_1"),
    ):
        fake.requests.clear()
        fake.script(fake.error(status, "no", retry_after="7"))
        with pytest.raises(errors.CompletionError) as raised:
            await call
        assert (raised.value.status, raised.value.retryable, raised.value.retry_after) == (status, True, 7)
        assert len(fake.requests) == 1
    assert fake.jobs == {}


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request"), (402, "billing"), (413, "context_length")])
async def test_a_job_that_is_refused_as_a_whole(fake: FakeAnthropicBatches, jobs: BatchJobs, status: int, kind: str) -> None:
    fake.script(fake.error(status, "no"))
    with pytest.raises(errors.CompletionError) as raised:
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert (raised.value.type, raised.value.retryable) == (kind, False)


async def test_a_job_that_does_not_exist(jobs: BatchJobs) -> None:
    for call in (jobs.status("msgbatch_9"), read(jobs, "msgbatch_9"), jobs.cancel("../models")):
        with pytest.raises(errors.InvalidRequestError, match="there is no job"):
            await call


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b"[]", b"null"])
async def test_an_answer_without_an_id_leaves_it_open_whether_there_is_a_job(
    fake: FakeAnthropicBatches, jobs: BatchJobs, body: bytes
) -> None:
    fake.script(Reply(200, body))
    with pytest.raises(errors.CompletionError) as raised:
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert raised.value.type in ("connection", "provider_error")


async def test_results_that_break_off_are_an_error_after_what_has_come(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    job = await jobs.submit("job-a", MODEL, lines(jobs))
    row = {"custom_id": "job-a-0", "result": succeeded(MODEL, "Hello")}
    for rest in (Reply(cut=True), Reply(chunks=[b"{nonsense}\n"])):
        chunks = [json.dumps(row).encode() + b"\n", *(rest.chunks or ())]
        fake.script(Reply(chunks=chunks, cut=rest.cut, content_type="application/x-jsonl"))
        results = jobs.results(job)
        assert (await anext(results)).id == "job-a-0"
        with pytest.raises(errors.CompletionError):
            await anext(results)


async def test_a_call_that_is_never_answered_ends(fake: FakeAnthropicBatches) -> None:
    jobs = Anthropic({**fake.environment(), "MCP_MODELS_TIMEOUT": "0.2"}).batch_jobs()
    assert jobs is not None
    fake.script(Reply(chunks=[b" "] * 100, pause=0.1))
    with pytest.raises(errors.CallTimeoutError, match=r"no answer within 0\.2 s"):
        await jobs.status("msgbatch_1")
    await jobs.aclose()


async def test_a_job_of_thousands_of_requests_with_results_longer_than_any_one_answer(
    fake: FakeAnthropicBatches, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcp_models.servers.core import response_limits

    monkeypatch.setattr(response_limits, "LONGEST_EVENT", 10_000)
    monkeypatch.setattr(response_limits, "LONGEST_RESPONSE", 100_000)
    one = jobs.line(item("N"))
    sent = [one.replace(b"job-a-N", b"job-a-%d" % number) for number in range(3000)]
    job = await jobs.submit("job-a", MODEL, sent)
    fake.end(job)
    assert len(await read(jobs, job)) == 3000


@pytest.mark.parametrize(("limit", "value"), [("LONGEST_EVENT", 10_000), ("LONGEST_FILE", 50_000)])
async def test_results_have_a_limit_for_a_line_and_for_all(
    fake: FakeAnthropicBatches, jobs: BatchJobs, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    from mcp_models.servers.core import response_limits

    job = await jobs.submit("job-a", MODEL, lines(jobs, 10))
    fake.end(job, *(succeeded(MODEL, "x" * 20_000) for _ in range(10)))
    monkeypatch.setattr(response_limits, limit, value)
    with pytest.raises(response_limits.UnusableResponseError, match="it sent more than"):
        await read(jobs, job)


async def test_the_key_is_never_in_an_address_or_an_error(fake: FakeAnthropicBatches, jobs: BatchJobs) -> None:
    fake.script(fake.error(400, f"bad key {fake.key}"))
    with pytest.raises(errors.CompletionError) as raised:
        await jobs.submit("job-a", MODEL, lines(jobs))
    assert fake.key not in str(raised.value)
    assert all(fake.key not in request.path for request in fake.requests)


def test_ollama_has_no_batch_api() -> None:
    from mcp_models.servers.anthropic_ollama_mcp_server import AnthropicOllama

    provider: Anthropic = AnthropicOllama({"ANTHROPIC_AUTH_TOKEN": "ollama"})
    assert provider.batch_jobs() is None
