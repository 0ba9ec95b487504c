"""Mistral's Batch API: lines as the adapter sends them, the states of a job, its files.

The fake is no Mistral. It shows that our requests have the documented form, and that we understand the documented answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core import errors
from mcp_models.servers.core.adaptation import Adaptation, learnt_of
from mcp_models.servers.core.batches import BatchJobs
from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, ImagePart, Message, TextPart
from tests import official_batch_files as official
from tests.fakes.mistral_batches import FakeMistralBatches, chat_completion
from tests.matrix import SCHEMA
from tests.servers.batching import error_of, item, jobs_of, results_of, submitted

pytestmark = pytest.mark.slow

MODEL = "mistral-medium-latest"
REQUESTS: dict[str, dict[str, Any]] = {
    "system": {"prompt": "Hello?", "system": "Be brief."},
    "prefill": {"messages": [Message("user", "a"), Message("assistant", "b")]},
    "image": {
        "messages": [
            Message(
                "user",
                [TextPart("What?"), ImagePart("https://example.com/a.png"), DocumentPart("data:application/pdf;base64,aGk=")],
            )
        ]
    },
    "sampling": {"prompt": "x", "temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "stop": ["END"], "seed": 7},
    "effort": {"prompt": "x", "reasoning_effort": "low"},
    "schema": {"prompt": "x", "response_schema": SCHEMA},
}


@pytest.fixture
def fake() -> Iterator[FakeMistralBatches]:
    with FakeMistralBatches() as endpoint:
        yield endpoint


@pytest.fixture
async def jobs(fake: FakeMistralBatches) -> AsyncIterator[BatchJobs]:
    api = jobs_of(fake)
    yield api
    await api.aclose()


@pytest.mark.parametrize("arguments", REQUESTS.values(), ids=REQUESTS)
async def test_a_line_is_what_the_adapter_sends_without_the_stream_and_the_model(
    fake: FakeMistralBatches, jobs: BatchJobs, arguments: dict[str, Any]
) -> None:
    provider = load_provider("mistral", fake.environment())
    request = CompletionRequest(**arguments, model=MODEL)
    await provider.complete(Adaptation(request, provider, learnt_of(provider, MODEL)).request(), lambda _: None)
    await provider.aclose()
    sent = fake.requests[-1].body
    line = json.loads(jobs.line(item(**{"prompt": None, **arguments, "model": MODEL})))
    official.check_line("mistral", line)
    assert line == {"custom_id": "run-1-0", "body": {k: v for k, v in sent.items() if k not in ("stream", "model")}}


async def test_a_job_has_the_name_and_the_model(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    await submitted(jobs, model=MODEL)
    upload, create = fake.requests
    assert (upload.body["filename"], upload.body["purpose"]) == ("run-1.jsonl", "batch")
    assert create.body == {
        "endpoint": "/v1/chat/completions",
        "input_files": ["file-1"],
        "model": MODEL,
        "metadata": {"mcp_models_job": "run-1"},
        "timeout_hours": 24,
    }


async def test_thinking_is_not_the_answer(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    job_id = await submitted(jobs, model=MODEL)
    content = [thought, {"type": "text", "text": "Yes."}]
    fake.run(job_id, lambda _, request: (200, chat_completion(request, content, "model_length")))
    completion = (await results_of(jobs, job_id))["0"].completion
    assert completion is not None
    assert (completion.text, completion.reasoning, completion.stop_reason) == ("Yes.", "Hm.", "max_tokens")


async def test_a_refusal_of_one_request_is_read_as_that_of_a_call(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 2, model=MODEL)
    too_long = {"message": "Prompt contains 300000 tokens, too large for model with 262144 maximum context length"}
    detail = {"detail": [{"type": "x", "loc": ["body", "temperature"], "msg": "Input should be less than 1.5"}]}
    fake.run(job_id, lambda name, _: (400, too_long) if name.endswith("0") else (422, detail))
    results = await results_of(jobs, job_id)
    assert error_of(results["0"]).type == "context_length"
    assert (error_of(results["1"]).type, error_of(results["1"]).param) == ("invalid_request", "temperature")


async def test_a_file_that_is_refused_costs_nothing_and_says_why(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    job_id = await jobs.submit("run-1", MODEL, [jobs.line(item(model=MODEL))] * 6)
    fake.run(job_id)
    status = await jobs.status(job_id)
    assert (status.state, status.native_state) == ("failed", "FAILED")
    assert status.problem.startswith("line 2: duplicate custom_id; line 3:")
    assert status.problem.endswith(" and 2 more")
    assert await results_of(jobs, job_id) == {}


async def test_a_job_that_failed_halfway_has_the_results_that_were_billed(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 2, model=MODEL)
    fake.run(job_id)
    fake.jobs[job_id].update(status="FAILED", errors=[{"message": "Internal error", "count": 1}])
    status = await jobs.status(job_id)
    assert (status.state, status.problem) == ("ended", "Internal error")
    assert len(await results_of(jobs, job_id)) == 2


@pytest.mark.parametrize("word", ["QUEUED", "RUNNING", "CANCELLATION_REQUESTED", "A_WORD_OF_TOMORROW"])
async def test_any_other_word_means_that_it_runs(fake: FakeMistralBatches, jobs: BatchJobs, word: str) -> None:
    job_id = await submitted(jobs, model=MODEL)
    fake.jobs[job_id].update(status=word, total_requests=9, completed_requests=4)
    status = await jobs.status(job_id)
    assert (status.state, status.native_state, status.done, status.total) == ("running", word, 4, 9)


@pytest.mark.parametrize("missing", ["output_file", "error_file"])
async def test_a_job_runs_until_its_files_are_there_but_not_forever(
    fake: FakeMistralBatches, jobs: BatchJobs, missing: str
) -> None:
    job_id = await submitted(jobs, 2, model=MODEL)
    fake.run(job_id, end="expired", answered=1)
    job = fake.jobs[job_id]
    job[missing], file_id = None, job[missing]
    assert (await jobs.status(job_id)).state == "running"
    job[missing] = file_id
    assert (await jobs.status(job_id)).state == "ended"
    job[missing], job["completed_at"] = None, int(time.time()) - 700
    assert (await jobs.status(job_id)).state == "ended"


async def test_cancelling_is_asked_for_once_and_takes_a_while(fake: FakeMistralBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, model=MODEL)
    await jobs.cancel(job_id)
    assert (fake.requests[-1].method, fake.requests[-1].path) == ("POST", f"/v1/batch/jobs/{job_id}/cancel")
    assert (await jobs.status(job_id)).state == "running"


async def test_a_job_that_mistral_does_not_know_is_an_error(jobs: BatchJobs) -> None:
    with pytest.raises(errors.CompletionError, match="Job job-9 not found"):
        await jobs.status("job-9")
