"""Use OpenAI's Batch API: a file of requests, which is answered within 24 hours, at half price.

Sources: https://platform.openai.com/docs/guides/batch; the types of `openai` 3.54.
"""

from __future__ import annotations

import json
import time
from typing import IO, TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from mcp_models.servers.core import errors, http
from mcp_models.servers.core.batch_files import ANSWER_SECONDS, NAME_KEY, SETTLE_SECONDS, FileBatchJobs, ListedJob
from mcp_models.servers.core.batches import BatchStatus
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.openai_chat import ChatAnswer
from mcp_models.servers.openai_responses import answered, failure, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal

    from openai import AsyncOpenAI
    from openai.types import Batch
    from openai.types.file_create_params import ExpiresAfter

    from mcp_models.servers.core.batch_files import Response
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.openai_api import OpenAIAPI

    Url = Literal["/v1/responses", "/v1/chat/completions"]

URLS: dict[str, Url] = {"responses": "/v1/responses", "chat": "/v1/chat/completions"}

_DAY = 86_400
_INPUT_EXPIRES: ExpiresAfter = {"anchor": "created_at", "seconds": 3 * _DAY}
_OUTPUT_EXPIRES: ExpiresAfter = {"anchor": "created_at", "seconds": 30 * _DAY}  # the longest that is allowed

_ENDED = ("completed", "expired", "cancelled")
_MOST_PROBLEMS = 3


class OpenAIBatchJobs(FileBatchJobs):
    """OpenAI's Batch API.

    Args:
        provider: The adapter.
        client: The SDK's client, which this object closes. It must send each request once only.
    """

    max_requests: ClassVar[int] = 50_000
    max_bytes: ClassVar[int] = 200_000_000
    one_model: ClassVar[bool] = True

    def __init__(self, provider: OpenAIAPI, client: AsyncOpenAI) -> None:
        super().__init__(provider)
        self._openai, self._client = provider, client

    async def status(self, job_id: str) -> BatchStatus:
        job = await self._retrieve(job_id)
        counts = job.request_counts
        done = counts.completed + counts.failed if counts else 0
        state: Literal["running", "ended", "failed"] = "running"
        if job.status == "failed":
            state = "failed"
        elif job.status in _ENDED and _has_its_files(job):
            state = "ended"
        return BatchStatus(state, job.status, done, counts.total if counts else 0, _problem(job))

    async def cancel(self, job_id: str) -> None:
        async with self._within(ANSWER_SECONDS):
            with self._openai.map_errors():
                await self._client.batches.cancel(job_id, timeout=None)

    async def aclose(self) -> None:
        await self._client.close()

    def _fields(self, request: CompletionRequest) -> dict[str, Any]:
        """Return a line's fields. A file has one endpoint, which its one model decides."""
        api = self._openai.wire_api(request)
        if api != self._openai.wire_api(replace(request, stop=None, seed=None, max_tokens=None)):
            raise errors.InvalidRequestError(
                "a batch has one endpoint for all its requests, the Responses API, and that takes no `stop`, no `seed` and no "
                "`max_tokens` below 16: leave them out, or set OPENAI_WIRE_API=chat."
            )
        return {"method": "POST", "url": URLS[api], "body": self._openai.payload(request)}

    async def _upload(self, name: str, file: IO[bytes]) -> str:
        with self._openai.map_errors():
            made = await self._client.files.create(
                file=(name, file, "application/jsonl"), purpose="batch", expires_after=_INPUT_EXPIRES, timeout=None
            )
            return made.id

    async def _create(self, name: str, model: str, line: bytes, file_id: str) -> str:  # noqa: ARG002
        with self._openai.map_errors():
            job = await self._client.batches.create(
                completion_window="24h",
                endpoint=json.loads(line)["url"],
                input_file_id=file_id,
                metadata={NAME_KEY: name},
                output_expires_after=_OUTPUT_EXPIRES,
                timeout=None,
            )
            return job.id

    async def _pages(self) -> AsyncIterator[list[ListedJob]]:
        from openai import Omit, omit

        after: str | Omit = omit
        has_more = True
        while has_more:
            async with self._within(ANSWER_SECONDS):
                with self._openai.map_errors():
                    listed = await self._client.batches.list(limit=100, after=after)
                    jobs = [ListedJob(job.id, (job.metadata or {}).get(NAME_KEY), job.created_at) for job in listed.data]
            has_more = bool(jobs) and listed.has_more is not False
            if jobs:
                yield jobs
                after = jobs[-1].id

    async def _result_files(self, job_id: str) -> list[str]:
        job = await self._retrieve(job_id)
        return [file_id for file_id in (job.output_file_id, job.error_file_id) if file_id]

    async def _download(self, file_id: str) -> AsyncIterator[bytes]:
        content = self._client.files.with_streaming_response.content
        with self._openai.map_errors():
            async with content(file_id, timeout=ANSWER_SECONDS) as response:
                async for line in http.lines(response.http_response):
                    yield line

    def _completion(self, response: Response) -> tuple[Completion, errors.CompletionError | None]:
        import httpx2
        from openai import APIStatusError
        from openai.types.chat import ChatCompletion
        from openai.types.responses import Response as WholeResponse

        body, request_id = response.body, response.request_id
        with self._openai.map_errors():
            if response.status_code >= 400:
                headers = {} if request_id is None else {"x-request-id": request_id}
                request = httpx2.Request("POST", self._openai.base_url())
                refused = httpx2.Response(response.status_code, json=body, headers=headers, request=request)
                raise APIStatusError("", response=refused, body=body.get("error", body) if isinstance(body, dict) else body)
            if body["object"] == "response":
                whole = WholeResponse.construct(**body)
                if whole.status == "failed":
                    raise failure(whole, request_id, self._openai.failure)
                return answered(whole, request_id), refusal(whole, request_id)
            answer = ChatAnswer(self._openai)
            answer.request_id = request_id
            answer.add(ChatCompletion.construct(**body))
            answer.rest()
            return answer.answered("api_key"), answer.refusal()

    async def _retrieve(self, job_id: str) -> Batch:
        async with self._within(ANSWER_SECONDS):
            with self._openai.map_errors():
                job = await self._client.batches.retrieve(job_id, timeout=None)
                job.status.upper()  # something else than a job would fail here
                return job


def _has_its_files(job: Batch) -> bool:
    """Return whether all files of a job that has ended are there. They may be missing for a moment after its end."""
    counts = job.request_counts
    wants_output, wants_errors = (counts.completed, counts.failed) if counts else (not job.error_file_id, 0)
    if (job.output_file_id or not wants_output) and (job.error_file_id or not wants_errors):
        return True
    end = job.completed_at or job.expired_at or job.cancelled_at or job.created_at + _DAY
    return end < time.time() - SETTLE_SECONDS


def _problem(job: Batch) -> str:
    """Return what is wrong with a job, for people."""
    if job.status == "expired":
        return "it has expired: OpenAI did not answer all requests within 24 hours."
    if job.status == "cancelled":
        return "it was cancelled."
    found = (job.errors.data or []) if job.errors else []
    said = [f"line {each.line}: {each.message}" if each.line is not None else str(each.message) for each in found]
    more = f" and {len(said) - _MOST_PROBLEMS} more" if len(said) > _MOST_PROBLEMS else ""
    return redact("; ".join(said[:_MOST_PROBLEMS]) + more)
