"""Send jobs to the Batch API of Google AI Studio: a file of requests, and a file of answers.

Google also takes requests within the call, but no more than 20 MB of them. A file may have 2 GB, and is deleted after 48 hours.
Sources: https://ai.google.dev/gemini-api/docs/batch-api, https://ai.google.dev/api/batch-api, …/api/files; google-genai 3.4.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mcp_models.servers import core
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.batch_lines import SLOWEST_UPLOAD, adapted, finished, joined, joined_bytes
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult, BatchStatus
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.google_ai_studio_mcp_server import CURE, ContentAnswer, failure, payload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import httpx2

    from mcp_models.servers.core.batches import JobState
    from mcp_models.servers.google_ai_studio_mcp_server import GoogleAIStudio

PAGE = 100
"""How many jobs to list at once."""

_BETWEEN = _END = b"\n"

# Google's documents say BATCH_STATE_SUCCEEDED and so on, and its SDK JOB_STATE_SUCCEEDED. All other states may still change.
_STATES: dict[str, JobState] = {
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "CANCELLED": "ended",
    "EXPIRED": "ended",
    "FAILED": "failed",
}
_PROBLEMS = {
    "PARTIALLY_SUCCEEDED": "some requests failed",
    "CANCELLED": "it was cancelled",
    "EXPIRED": "it expired, and Google keeps no results then",
    "FAILED": "it failed",
}

_STATS = ("successfulRequest", "failedRequest", "request")

# google.rpc.Code as HTTP statuses: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto. With 1, which is
# `CANCELLED`, Google gives up single requests of a job that goes on. They may succeed later.
_HTTP_STATUSES = {1: 503, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501}
_HTTP_STATUSES |= {13: 500, 14: 503, 15: 500, 16: 401}


class GoogleBatches(BatchJobs):
    """The Batch API of Google AI Studio.

    Args:
        provider: The provider.
        base: Its address.
        client: The HTTP client, which sends the key in a header.
    """

    # Google publishes a number for Vertex AI only: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini
    max_requests = 200_000
    max_bytes = 2_000_000_000
    one_model = True

    def __init__(self, provider: GoogleAIStudio, base: str, client: httpx2.AsyncClient) -> None:
        self._provider, self._base, self._client = provider, base, client
        self._seconds = settings.default_timeout(provider.env)

    def line(self, item: BatchItem) -> bytes:
        request = payload(adapted(self._provider, item))
        return json.dumps({"key": item.id, "request": request}, separators=(",", ":")).encode()

    async def submit(self, name: str, model: str, lines: Sequence[bytes]) -> str:
        size = joined_bytes(lines, b"", _BETWEEN, _END)
        async with self._call(size=size):
            file = await self._upload(name, lines, size)
            model = quote(model.removeprefix("models/"), safe="")
            batch = {"displayName": name, "inputConfig": {"fileName": file}}
            job = await self._json("POST", f"/v1beta/models/{model}:batchGenerateContent", json={"batch": batch})
            return _name(job, "batches")

    async def find(self, name: str, since: float, requests: int) -> str | None:  # noqa: ARG002
        """Return the id of the job with this name, or None if the provider has none. Google has no filter for it."""
        token = ""
        async with self._call():
            while True:
                page = await self._json("GET", "/v1beta/batches", params={"pageSize": PAGE, "pageToken": token})
                for job in page.get("operations") or ():
                    if _metadata(job).get("displayName") == name:
                        return _name(job, "batches")
                token = page.get("nextPageToken") or ""
                if not token:
                    return None

    async def status(self, job_id: str) -> BatchStatus:
        async with self._call(job_id):
            job = await self._json("GET", _path(job_id))
            stats = _metadata(job).get("batchStats") or {}
            done = [int(stats.get(name) or 0) for name in ("successfulRequestCount", "failedRequestCount")]
            return BatchStatus(
                _state(job),
                _native_state(job),
                done=sum(done),
                total=int(stats.get("requestCount") or 0),
                problem=_problem(job),
            )

    async def results(self, job_id: str) -> AsyncIterator[BatchResult]:
        async with self._call(job_id):
            job = await self._json("GET", _path(job_id))
            state, output, model = _state(job), _output(job), str(_metadata(job).get("model") or "")
            rows = _inlined(output)
        if not output:
            _check_empty(job_id, state, _native_state(job))
            return
        if rows is None:
            async for row in self._rows(_name({"name": output["responsesFile"]}, "files")):
                yield await self._result(row, model)
        for row in rows or ():
            yield await self._result(row, model)

    async def cancel(self, job_id: str) -> None:
        async with self._call(job_id):
            await self._json("POST", f"{_path(job_id)}:cancel", json={})

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _upload(self, name: str, lines: Sequence[bytes], size: int) -> str:
        """Upload the lines, and return the name of the file."""
        headers = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(size),
            "x-goog-upload-header-content-type": "jsonl",
        }
        started = await self._send("POST", "/upload/v1beta/files", headers=headers, json={"file": {"displayName": name}})
        url = urlsplit(started.headers["x-goog-upload-url"])  # only its path, as the key must not go to another address
        headers = {"content-length": str(size), "x-goog-upload-offset": "0", "x-goog-upload-command": "upload, finalize"}
        content = joined(lines, b"", _BETWEEN, _END)
        uploaded = await self._json("POST", f"{url.path}?{url.query}", headers=headers, content=content)
        return _name(uploaded["file"], "files")

    async def _rows(self, file: str) -> AsyncGenerator[dict[str, Any]]:
        """Yield the lines of a file of results as they arrive."""
        url = f"{self._base}/download/v1beta/{file}:download?alt=media"
        with core.http.map_transport_errors(self._base, CURE):
            async with self._client.stream("GET", url) as response:
                if response.status_code == 404:
                    raise errors.InvalidRequestError("the results of the job are gone.", status=404)
                if response.status_code != 200:
                    raise failure(response, await response.aread())
                async for line in core.http.lines(response):
                    if line.strip():
                        yield json.loads(line)

    async def _result(self, row: dict[str, Any], model: str) -> BatchResult:
        """Return what came of a request.

        Raises:
            ProviderError: It is not known which request it is.
        """
        with core.http.map_transport_errors(self._base, CURE):
            item_id = row.get("key") or (row.get("metadata") or {}).get("key")
        if not isinstance(item_id, str):
            raise errors.ProviderError("a result of the job does not say whose it is.")
        answer, problem = ContentAnswer(), None
        answer.model = model.removeprefix("models/")
        try:
            with core.http.map_transport_errors(self._base, CURE):
                answer.add(_event(row))
        except errors.CompletionError as error:
            problem = error.with_traceback(None)
        if problem is not None and not answer.native_stop_reason:
            return BatchResult(item_id, error=problem)
        try:
            completion = answer.completion("api_key")
        except errors.CompletionError as error:
            return BatchResult(item_id, error=error.with_traceback(None))
        return await finished(self._provider, item_id, completion, problem)

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        body = (await self._send(method, path, **options)).json()
        if not isinstance(body, dict):
            raise errors.ProviderError(f"{self._base} answered with something that is no object.")
        return body

    async def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request once."""
        response = await self._client.request(method, f"{self._base}{path}", **options)
        if response.status_code != 200:
            raise failure(response, response.content)
        return response

    @asynccontextmanager
    async def _call(self, job_id: str | None = None, size: int = 0) -> AsyncIterator[None]:
        """Bound a call, and turn its failures into errors.

        Args:
            job_id: The job that the call is about.
            size: How many bytes it sends.
        """
        seconds = self._seconds + size / SLOWEST_UPLOAD
        try:
            async with asyncio.timeout(seconds):
                with core.http.map_transport_errors(self._base, CURE):
                    yield
        except TimeoutError:
            raise errors.CallTimeoutError(f"no answer within {seconds:g} s.") from None
        except errors.CompletionError as error:
            if job_id is None or error.status != 404:
                raise
            raise errors.InvalidRequestError(f"there is no job {job_id}, or its results are gone.", status=404) from None


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the results as the same would stand in a stream."""
    if error := row.get("error") or row.get("status"):
        code = int(error.get("code") or 0)
        return {"error": {**error, "code": _HTTP_STATUSES.get(code, code)}}
    return row.get("response") or {}


def _metadata(job: dict[str, Any]) -> dict[str, Any]:
    return job.get("metadata") or {}


def _native_state(job: dict[str, Any]) -> str:
    return str(_metadata(job).get("state") or "")


def _word(job: dict[str, Any]) -> str:
    return re.sub("^(BATCH|JOB)_STATE_", "", _native_state(job))


def _state(job: dict[str, Any]) -> JobState:
    state = _STATES.get(_word(job), "ended" if job.get("done") is True else "running")
    return "ended" if state == "failed" and _output(job) else state


def _problem(job: dict[str, Any]) -> str:
    problem = _PROBLEMS.get(_word(job), "")
    error = job.get("error") or _metadata(job).get("error")
    return f"{problem or 'it failed'}: {redact(core.http.quote(error))}" if error else problem


def _output(job: dict[str, Any]) -> dict[str, Any]:
    """Return where a job's results are. Google gives it in one place or the other."""
    found = job.get("response") or {}
    if not ("responsesFile" in found or "inlinedResponses" in found):
        found = _metadata(job).get("output") or found.get("output") or {}
    return found if found.get("responsesFile") or found.get("inlinedResponses") else {}


def _inlined(output: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the results that stand in the job itself, or None if they are in a file."""
    if output.get("responsesFile") or not output:
        return None
    return list(output["inlinedResponses"].get("inlinedResponses") or ())


def _check_empty(job_id: str, state: JobState, native_state: str) -> None:
    """Check that a job without results can have none, so that nobody takes its requests for unanswered and pays again.

    Raises:
        CompletionError: It still runs, or its results are to come.
    """
    if state == "running":
        raise errors.InvalidRequestError(f"the job {job_id} has not ended ({native_state}).")
    if native_state.endswith("SUCCEEDED"):
        raise errors.ProviderError(f"the results of the job {job_id} are not there yet.", retryable=True)


def _name(resource: dict[str, Any], kind: str) -> str:
    """Return the name of a job or a file.

    Raises:
        ProviderError: It has none that can be part of an address.
    """
    name = resource.get("name")
    if not isinstance(name, str) or not re.fullmatch(rf"{kind}/[\w.-]+", name):
        raise errors.ProviderError(f"it answered without the name of the {'job' if kind == 'batches' else 'file'}.")
    return name


def _path(job_id: str) -> str:
    if not re.fullmatch(r"batches/[\w.-]+", job_id):
        raise errors.InvalidRequestError(f"there is no job {job_id}: expected a name like batches/123.")
    return f"/v1beta/{job_id}"
