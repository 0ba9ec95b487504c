"""Use Mistral's Batch API: a file of requests, which is answered within a day, at half price.

Sources: https://docs.mistral.ai/capabilities/batch; the types of `mistralai` 3.7. A file's `expiry` has no documented unit, so
none is set.
"""

from __future__ import annotations

import json
import time
from typing import IO, TYPE_CHECKING, Any, ClassVar

from mcp_models.servers.core import http
from mcp_models.servers.core.batch_files import ANSWER_SECONDS, NAME_KEY, SETTLE_SECONDS, FileBatchJobs, ListedJob
from mcp_models.servers.core.batches import BatchStatus
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.mistral_mcp_server import ChatAnswer, payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal

    from mistralai.client import Mistral as Client
    from mistralai.client.models import BatchJob

    from mcp_models.servers.core.batch_files import Response
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.mistral_mcp_server import Mistral

HOURS = 24
PAGE_SIZE = 100

_ENDED = ("SUCCESS", "TIMEOUT_EXCEEDED", "CANCELLED")
_PROBLEMS = {
    "TIMEOUT_EXCEEDED": f"it has expired: Mistral did not answer all requests within {HOURS} hours.",
    "CANCELLED": "it was cancelled.",
}
_MOST_PROBLEMS = 3


class MistralBatchJobs(FileBatchJobs):
    """Mistral's Batch API.

    Args:
        provider: The adapter.
        client: The SDK's client, whose connections this object closes. It must send each request once only.
    """

    # A workspace may have a million requests pending, and a file 512 MB. A smaller job leaves room for others.
    max_requests: ClassVar[int] = 100_000
    max_bytes: ClassVar[int] = 200_000_000
    one_model: ClassVar[bool] = True

    def __init__(self, provider: Mistral, client: Client) -> None:
        super().__init__(provider)
        self._mistral, self._client = provider, client

    async def status(self, job_id: str) -> BatchStatus:
        job = await self._retrieve(job_id)
        state: Literal["running", "ended", "failed"] = "running"
        if job.status == "FAILED" and not job.succeeded_requests and not job.output_file:
            state = "failed"
        elif job.status in (*_ENDED, "FAILED") and _has_its_files(job):
            state = "ended"
        done = max(job.completed_requests, job.succeeded_requests + job.failed_requests)
        return BatchStatus(state, str(job.status), done, job.total_requests, _problem(job))

    async def cancel(self, job_id: str) -> None:
        async with self._within(ANSWER_SECONDS):
            with self._mistral.map_errors():
                await self._client.batch.jobs.cancel_async(job_id=job_id)

    async def aclose(self) -> None:
        client = self._client.sdk_configuration.async_client
        assert client is not None
        await client.aclose()

    def _fields(self, request: CompletionRequest) -> dict[str, Any]:
        """Return a line's body, as the SDK would send it. The model is the job's, as in Mistral's documents."""
        body = payload(request)
        del body["model"]
        if named := body.get("response_format", {}).get("json_schema"):
            named["schema"] = named.pop("schema_definition")
        return {"body": body}

    async def _upload(self, name: str, file: IO[bytes]) -> str:
        with self._mistral.map_errors():
            # On Windows, a temporary file is wrapped in something that the SDK takes for no file.
            content = getattr(file, "file", file)
            made = await self._client.files.upload_async(file={"file_name": name, "content": content}, purpose="batch")
            return made.id

    async def _create(self, name: str, model: str, line: bytes, file_id: str) -> str:  # noqa: ARG002
        with self._mistral.map_errors():
            job = await self._client.batch.jobs.create_async(
                endpoint="/v1/chat/completions",
                input_files=[file_id],
                model=model,
                metadata={NAME_KEY: name},
                timeout_hours=HOURS,
            )
            return job.id

    async def _pages(self) -> AsyncIterator[list[ListedJob]]:
        page, has_more = 0, True
        while has_more:
            async with self._within(ANSWER_SECONDS):
                with self._mistral.map_errors():
                    listed = await self._client.batch.jobs.list_async(page=page, page_size=PAGE_SIZE, order_by="-created")
                    jobs = [ListedJob(job.id, (job.metadata or {}).get(NAME_KEY), job.created_at) for job in listed.data or []]
            page += 1
            has_more = bool(jobs) and page * PAGE_SIZE < listed.total
            if jobs:
                yield jobs

    async def _result_files(self, job_id: str) -> list[str]:
        job = await self._retrieve(job_id)
        return [file_id for file_id in (job.output_file, job.error_file) if file_id]

    async def _download(self, file_id: str) -> AsyncIterator[bytes]:
        with self._mistral.map_errors():
            timeout_ms = round(ANSWER_SECONDS * 1000)
            response = await self._client.files.download_async(file_id=file_id, timeout_ms=timeout_ms)
            try:
                async for line in http.lines(response):
                    yield line
            finally:
                await response.aclose()

    def _completion(self, response: Response) -> tuple[Completion, None]:
        import httpx2
        from mistralai.client.errors import SDKError
        from mistralai.client.models import ChatCompletionResponse

        with self._mistral.map_errors():
            if response.status_code >= 400:
                headers = {} if response.request_id is None else {"x-request-id": response.request_id}
                request = httpx2.Request("POST", self._mistral.address())
                refusal = httpx2.Response(response.status_code, json=response.body, headers=headers, request=request)
                raise SDKError("", refusal, json.dumps(response.body))
            answer = ChatAnswer(response.request_id)
            answer.add(ChatCompletionResponse.model_validate(response.body))
            return answer.completion("api_key"), None

    async def _retrieve(self, job_id: str) -> BatchJob:
        async with self._within(ANSWER_SECONDS):
            with self._mistral.map_errors():
                return await self._client.batch.jobs.get_async(job_id=job_id)


def _has_its_files(job: BatchJob) -> bool:
    """Return whether all files of a job that has ended are there. They may be missing for a moment after its end."""
    if (job.output_file or not job.succeeded_requests) and (job.error_file or not job.failed_requests):
        return True
    end = job.completed_at or job.created_at + HOURS * 3600
    return end < time.time() - SETTLE_SECONDS


def _problem(job: BatchJob) -> str:
    """Return what is wrong with a job, for people."""
    if job.status in _PROBLEMS:
        return _PROBLEMS[job.status]
    if job.status != "FAILED":  # the errors of single requests stand with them
        return ""
    said = [error.message for error in job.errors]
    more = f" and {len(said) - _MOST_PROBLEMS} more" if len(said) > _MOST_PROBLEMS else ""
    return redact("; ".join(said[:_MOST_PROBLEMS]) + more)
