"""OpenAI's Batch API: lines as the adapter sends them, the states of a job, its files.

The fake is no OpenAI. It shows that our requests have the documented form, and that we understand the documented answers.
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
from mcp_models.servers.openai_mcp_server import OpenAI
from tests import official_batch_files as official
from tests.fakes.openai import message, response
from tests.fakes.openai_batches import FakeOpenAIBatches, chat_completion
from tests.matrix import SCHEMA
from tests.servers.batching import error_of, item, jobs_of, results_of, submitted

IMAGE = [
    Message(
        "user",
        [TextPart("What is it?"), ImagePart("https://example.com/a.png"), DocumentPart("data:application/pdf;base64,aGk=")],
    )
]
REQUESTS: dict[str, dict[str, Any]] = {
    "prompt": {"prompt": "Hello?"},
    "system": {"prompt": "Hello?", "system": "Be brief. " * 2000},
    "turns": {"messages": [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]},
    "image": {"messages": IMAGE},
    "sampling": {"prompt": "x", "temperature": 0.5, "top_p": 0.9, "max_tokens": 100},
    "effort": {"prompt": "x", "reasoning_effort": "minimal"},
    "schema": {"prompt": "x", "response_schema": SCHEMA},
}
MODELS = ("gpt-5.2", "gpt-4o", "gpt-5.6-sol", "o3")
APIS = ("responses", "chat")


@pytest.fixture
def fake() -> Iterator[FakeOpenAIBatches]:
    with FakeOpenAIBatches() as endpoint:
        yield endpoint


@pytest.fixture(params=APIS)
async def jobs(request: pytest.FixtureRequest, fake: FakeOpenAIBatches) -> AsyncIterator[BatchJobs]:
    api = jobs_of(fake, OPENAI_WIRE_API=request.param)
    yield api
    await api.aclose()


def env_of(fake: FakeOpenAIBatches, api: str) -> dict[str, str]:
    return {**fake.environment(), "OPENAI_WIRE_API": api}


@pytest.mark.parametrize("api", APIS)
async def test_a_line_is_what_the_adapter_sends_without_the_stream(fake: FakeOpenAIBatches, api: str) -> None:
    provider = load_provider("openai", env_of(fake, api))
    jobs = jobs_of(fake, OPENAI_WIRE_API=api)
    for model in MODELS:
        for arguments in REQUESTS.values():
            request = CompletionRequest(**arguments, model=model)
            adapted = Adaptation(request, provider, learnt_of(provider, model)).request()
            await provider.complete(adapted, lambda _: None)
            sent = {name: value for name, value in fake.requests[-1].body.items() if name not in ("stream", "stream_options")}
            line = json.loads(jobs.line(item(**{"prompt": None, **arguments, "model": model})))
            official.check_line("openai", line)
            assert line == {"custom_id": "run-1-0", "method": "POST", "url": fake.requests[-1].path, "body": sent}
    await provider.aclose()
    await jobs.aclose()


def test_openais_own_models_get_what_they_take() -> None:
    jobs = load_provider("openai", {"OPENAI_API_KEY": "sk-made-up-0123456789"}).batch_jobs()
    assert jobs is not None
    line = json.loads(jobs.line(item(prompt="x", system="y" * 5000, model="gpt-5.6-sol", reasoning_effort="minimal")))
    official.check_line("openai", line)
    body = line["body"]
    assert line["url"] == "/v1/responses"
    assert "temperature" not in body
    assert body["reasoning"] == {"effort": "low"}
    assert body["prompt_cache_options"] == {"mode": "explicit"}  # else each lone prompt would pay for a write to the cache


@pytest.mark.parametrize("arguments", [{"stop": ["END"]}, {"seed": 7}, {"max_tokens": 3}])
def test_a_request_for_the_other_api_is_refused_with_what_to_do(arguments: dict[str, Any]) -> None:
    env = {"OPENAI_API_KEY": "sk-made-up-0123456789"}
    jobs = load_provider("openai", env).batch_jobs()
    assert jobs is not None
    with pytest.raises(errors.InvalidRequestError, match="leave them out, or set OPENAI_WIRE_API=chat"):
        jobs.line(item(**arguments))
    chat = load_provider("openai", {**env, "OPENAI_WIRE_API": "chat"}).batch_jobs()
    assert chat is not None
    line = json.loads(chat.line(item(**arguments)))
    official.check_line("openai", line)
    assert line["url"] == "/v1/chat/completions"


async def test_a_job_has_the_name_and_its_files_expire(fake: FakeOpenAIBatches, jobs: BatchJobs) -> None:
    await submitted(jobs)
    upload, create = fake.requests
    assert (upload.body["filename"], upload.body["expires_after[seconds]"]) == ("run-1.jsonl", "259200")
    assert create.body == {
        "completion_window": "24h",
        "endpoint": fake.lines("file-1")[0]["url"],
        "input_file_id": "file-1",
        "metadata": {"mcp_models_job": "run-1"},
        "output_expires_after": {"anchor": "created_at", "seconds": 2_592_000},
    }


async def test_an_answer_of_either_api_is_read_as_a_call_reads_it(fake: FakeOpenAIBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    fake.run(job_id)
    completion = (await results_of(jobs, job_id))["0"].completion
    assert completion is not None
    assert (completion.model, completion.native_stop_reason) in {
        ("gpt-5.2-2026-01-01", "completed"),
        ("gpt-5.2-2026-01-01", "stop"),
    }
    assert (completion.usage.reasoning_tokens, completion.usage.output_tokens) == (4, 10)


async def test_a_response_that_failed_was_refused_or_cut_off(fake: FakeOpenAIBatches) -> None:
    jobs = jobs_of(fake, OPENAI_WIRE_API="responses")
    fields: list[dict[str, Any]] = [
        {"status": "failed", "output": [], "error": {"code": "server_error", "message": "The model broke."}},
        {"output": [message("I cannot.", "refusal")]},
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ]
    job_id = await submitted(jobs, len(fields))
    fake.run(job_id, lambda name, request: (200, response(request, **fields[int(name[-1])])))
    results = await results_of(jobs, job_id)
    await jobs.aclose()
    assert [error_of(results[number]).type for number in "012"] == ["provider_error", "refusal", "content_filter"]
    declined = results["1"].completion
    assert declined is not None
    assert declined.usage.output_tokens  # it was billed
    assert error_of(results["1"]).message == "the model declined: I cannot."
    assert error_of(results["0"]).retryable
    cut = results["3"].completion
    assert cut is not None
    assert (cut.stop_reason, bool(cut.notes)) == ("max_tokens", True)


async def test_thinking_in_tags_is_not_the_answer(fake: FakeOpenAIBatches) -> None:
    jobs = jobs_of(fake)
    job_id = await submitted(jobs)
    fake.run(job_id, lambda _, request: (200, chat_completion(request, "<think>Hm.</think>Yes.")))
    completion = (await results_of(jobs, job_id))["0"].completion
    await jobs.aclose()
    assert completion is not None
    assert (completion.text, completion.reasoning) == ("Yes.", "Hm.")


async def test_a_file_that_is_refused_costs_nothing_and_says_why(fake: FakeOpenAIBatches, jobs: BatchJobs) -> None:
    line = jobs.line(item())
    job_id = await jobs.submit("run-1", "gpt-5.2", [line] * 6)
    fake.run(job_id)
    status = await jobs.status(job_id)
    assert (status.state, status.native_state) == ("failed", "failed")
    assert status.problem.startswith("line 2: The custom_id for this request is a duplicate of another request.; line 3:")
    assert status.problem.endswith(" and 2 more")
    assert await results_of(jobs, job_id) == {}


@pytest.mark.parametrize("word", ["validating", "in_progress", "finalizing", "cancelling", "a word of tomorrow's"])
async def test_any_other_word_means_that_it_runs(fake: FakeOpenAIBatches, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "check_job", lambda *_: None)
    jobs = jobs_of(fake)
    job_id = await submitted(jobs)
    fake.jobs[job_id].update(status=word, request_counts={"total": 9, "completed": 3, "failed": 1})
    status = await jobs.status(job_id)
    await jobs.aclose()
    assert (status.state, status.native_state, status.done, status.total) == ("running", word, 4, 9)


@pytest.mark.parametrize("end", ["completed", "expired", "cancelled"])
@pytest.mark.parametrize("missing", ["output_file_id", "error_file_id"])
async def test_a_job_runs_until_its_files_are_there_but_not_forever(
    fake: FakeOpenAIBatches, jobs: BatchJobs, end: str, missing: str
) -> None:
    job_id = await submitted(jobs, 2)
    fake.run(job_id, end=end, answered=1)
    job = fake.jobs[job_id]
    job[missing], file_id = None, job[missing]
    assert (await jobs.status(job_id)).state == "running"
    job[missing] = file_id
    assert (await jobs.status(job_id)).state == "ended"
    job[missing], job[f"{end}_at"] = None, int(time.time()) - 700
    assert (await jobs.status(job_id)).state == "ended"


async def test_a_job_whose_requests_all_failed_has_no_file_of_answers(fake: FakeOpenAIBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs, 2)
    fake.run(job_id, lambda *_: (400, {"error": {"message": "No.", "code": "invalid_prompt"}}))
    assert (await jobs.status(job_id)).state == "ended"
    results = await results_of(jobs, job_id)
    assert [error_of(result).type for result in results.values()] == ["content_filter"] * 2


async def test_cancelling_is_asked_for_once_and_takes_a_while(fake: FakeOpenAIBatches, jobs: BatchJobs) -> None:
    job_id = await submitted(jobs)
    await jobs.cancel(job_id)
    assert (fake.requests[-1].method, fake.requests[-1].path) == ("POST", f"/v1/batches/{job_id}/cancel")
    assert (await jobs.status(job_id)).state == "running"


async def test_a_job_that_openai_does_not_know_is_an_error(jobs: BatchJobs) -> None:
    with pytest.raises(errors.CompletionError, match="No batch found with id 'batch_9'"):
        await jobs.status("batch_9")


def test_a_login_has_no_batch_api(fake: FakeOpenAIBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAI, "_find_login", lambda _: (object(), ""))
    assert OpenAI(fake.environment()).batch_jobs() is None
    monkeypatch.setattr(OpenAI, "_find_login", lambda _: (None, "the login has expired."))
    with pytest.raises(errors.MissingKeyError, match="the login has expired"):
        OpenAI({}).batch_jobs()


def test_servers_that_only_speak_like_openai_have_none() -> None:
    assert load_provider("groq", {"GROQ_API_KEY": "made-up-0123456789"}).batch_jobs() is None
