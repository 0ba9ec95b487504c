"""Define `FileBatchJobs`: a Batch API that takes the requests as a file of lines, and answers with such files.

OpenAI and Mistral have the same form: `{"custom_id", "body"}` for a request and `{"custom_id", "response", "error"}` for what
came of it. The answers stand in one file, and the failures in another.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from abc import abstractmethod
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mcp_models.servers.core import errors, http
from mcp_models.servers.core.batch_lines import adapted, cancelled, expired, finished
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult
from mcp_models.servers.core.log import logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.provider import Provider

NAME_KEY = "mcp_models_job"
"""The key of a job's metadata that holds its name."""

ANSWER_SECONDS = 60.0
"""How long the provider may take to answer, and to send the next piece of a file."""

UPLOAD_SECONDS = 1800.0
"""How long an upload may take. That is 200 MB at 110 kB a second."""

SETTLE_SECONDS = 600.0
"""How long the files of a job that has ended may be missing, before they count as not there."""

CLOCK_SECONDS = 3600.0
"""How far the provider's clock may differ from ours."""

MOST_PAGES = 1_000
"""How many pages of a list of jobs are read at most."""

_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([A-Za-z0-9_-]{1,64})"')


class ListedJob(Struct, frozen=True):
    """A job in the provider's list.

    Attributes:
        name: The job's name. None if it is not one of ours.
        created: When it was made, in seconds since 1970.
    """

    id: str
    name: str | None
    created: float


class Response(Struct, frozen=True):
    """The provider's response to one request of a job."""

    status_code: int
    body: Any = None
    request_id: str | None = None


class _ResultLine(Struct, frozen=True):
    custom_id: str
    response: Response | None = None
    error: Any = None


class FileBatchJobs(BatchJobs):
    """A Batch API of files. A subclass knows the provider's calls and the form of its answers.

    Args:
        provider: The provider's adapter.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def line(self, item: BatchItem) -> bytes:
        """Return the line: what the adapter would send, without a stream."""
        fields = self._fields(adapted(self._provider, item))
        try:
            return msgspec.json.encode({"custom_id": item.id, **fields})
        except UnicodeEncodeError as error:  # the provider would refuse the whole file
            raise errors.InvalidRequestError("the text is not valid Unicode: it has half of a surrogate pair.") from error

    async def submit(self, name: str, model: str, lines: Sequence[bytes]) -> str:
        """Upload the lines, then create the job. A file without a job costs nothing."""
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_write, file, lines)
            async with self._within(UPLOAD_SECONDS):
                file_id = await self._upload(f"{name}.jsonl", file)
        async with self._within(ANSWER_SECONDS):
            return await self._create(name, model, lines[0], file_id)

    async def find(self, name: str, since: float, requests: int) -> str | None:  # noqa: ARG002
        """Look for the name in the metadata of each job, as far back as it may be."""
        read = 0
        async for jobs in self._pages():
            if found := next((job.id for job in jobs if job.name == name), None):
                return found
            read += 1
            if _is_past(jobs, since - CLOCK_SECONDS):
                return None
            if read == MOST_PAGES:
                raise errors.ProviderError(f"its list of jobs has more than {MOST_PAGES:,} pages.")
        return None

    async def results(self, job_id: str) -> AsyncIterator[BatchResult]:
        """Read the file of answers and that of failures, line by line."""
        async with self._within(ANSWER_SECONDS):
            files = await self._result_files(job_id)
        for file_id in files:
            async for line in self._download(file_id):
                if line.strip() and (result := await self._result(line)):
                    yield result

    async def _result(self, line: bytes) -> BatchResult | None:
        """Return what a line says, or None if it does not even say which request it is about."""
        try:
            found = msgspec.json.decode(line, type=_ResultLine)
        except (ValueError, RecursionError):
            return _unreadable(line)
        try:
            if found.response is None:
                return _not_answered(found.custom_id, found.error)
            completion, problem = self._completion(found.response)
        except errors.CompletionError as error:
            return BatchResult(found.custom_id, error=error.with_traceback(None))
        return await finished(self._provider, found.custom_id, completion, problem)

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise errors.CallTimeoutError(f"the Batch API did not answer within {seconds:g} s.") from None

    @abstractmethod
    def _fields(self, request: CompletionRequest) -> dict[str, Any]:
        """Return the fields of a line beside `custom_id`.

        Raises:
            CompletionError: As in `line`.
        """

    @abstractmethod
    async def _upload(self, name: str, file: IO[bytes]) -> str:
        """Upload a file of requests, and return its id."""

    @abstractmethod
    async def _create(self, name: str, model: str, line: bytes, file_id: str) -> str:
        """Create a job, once, and return its id.

        Args:
            name: The job's name.
            model: The model of its requests.
            line: The first line of the file.
            file_id: The file of requests.
        """

    @abstractmethod
    def _pages(self) -> AsyncIterator[list[ListedJob]]:
        """Yield the pages of the list of jobs. None is empty."""

    @abstractmethod
    async def _result_files(self, job_id: str) -> list[str]:
        """Return the ids of the files with a job's answers and failures."""

    @abstractmethod
    def _download(self, file_id: str) -> AsyncIterator[bytes]:
        """Yield the lines of a file as they arrive."""

    @abstractmethod
    def _completion(self, response: Response) -> tuple[Completion, errors.CompletionError | None]:
        """Return the completion in a response, and why it is of no use, if the model declined.

        Raises:
            CompletionError: The response is an error.
        """


def _write(file: IO[bytes], lines: Sequence[bytes]) -> None:
    file.writelines(line + b"\n" for line in lines)
    file.flush()  # the HTTP client asks the system for the size


def _is_past(jobs: list[ListedJob], since: float) -> bool:
    """Return whether the list goes from the newest job to the oldest, and all on this page are too old."""
    return jobs[0].created > jobs[-1].created and all(job.created < since for job in jobs)


def _unreadable(line: bytes) -> BatchResult | None:
    """Return an error for a line that cannot be read. Without an id it is left out, and counts as not answered."""
    found = _CUSTOM_ID.search(line)
    if found is None:
        logger.warning("a line of a batch's results cannot be read, and has no id: %d bytes", len(line))
        return None
    return BatchResult(found[1].decode(), error=errors.ProviderError("the line with its result cannot be read."))


def _not_answered(item_id: str, error: Any) -> BatchResult:
    """Return the result for a request without a response. Source: https://platform.openai.com/docs/guides/batch."""
    code = error.get("code") if isinstance(error, dict) else None
    if code == "batch_expired":
        return expired(item_id)
    if code == "batch_cancelled":
        return cancelled(item_id)
    said = http.quote(error) if error else "no reason was given."
    if code == "request_timeout":
        return BatchResult(item_id, error=errors.CallTimeoutError(said))
    return BatchResult(item_id, error=errors.ProviderError(said, retryable=code == "server_error"))
