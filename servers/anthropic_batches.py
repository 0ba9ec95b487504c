"""Send jobs to Anthropic's Message Batches API. All requests of a job travel in one call.

A batch has no name and no metadata. When it has ended, the ids in its results tell whose it is.
Sources: https://platform.claude.com/docs/en/build-with-claude/batch-processing; `messages.batches` of `anthropic` 2.12.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from mcp_models.servers import core
from mcp_models.servers.anthropic_errors import failed_while_answering
from mcp_models.servers.anthropic_mcp_server import SAMPLING_VERSION, deprecation
from mcp_models.servers.anthropic_messages import MessageAnswer
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.batch_lines import SLOWEST_UPLOAD, adapted, cancelled, expired, finished, joined, joined_bytes
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult, BatchStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from anthropic import AsyncAnthropic
    from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

    from mcp_models.servers.anthropic_mcp_server import Anthropic

PATH = "/v1/messages/batches"

PAGE = 100
"""How many jobs to list at once."""

CLOCK_SECONDS = 300.0
"""How far this machine's clock may be ahead of Anthropic's."""

_STREAMED: bool = True

_START, _BETWEEN, _END = b'{"requests":[', b",", b"]}"

# A line begins with these parameters if it has them. `line` sees to that.
_HAS_SAMPLING = re.compile(rb'\{"custom_id":"[\w-]+","params":\{"(temperature|top_p)":')

# What the SDK removes from a call's arguments, as it is no part of the body.
_NO_FIELDS = ("extra_body", "extra_headers")


class AnthropicBatches(BatchJobs):
    """Anthropic's Batch API.

    Args:
        provider: The provider, which translates requests.
        client: The SDK's client, without retries: Anthropic would take a request that is sent again for another job.
    """

    max_requests = 100_000
    max_bytes = 256_000_000 - len(_START + _END)
    one_model = False

    def __init__(self, provider: Anthropic, client: AsyncAnthropic) -> None:
        self._provider, self._client = provider, client
        self._seconds = settings.default_timeout(provider.env)

    def line(self, item: BatchItem) -> bytes:
        model = item.request.model or ""
        sampling = [name for name in ("temperature", "top_p") if getattr(item.request, name) is not None]
        if sampling and not self._provider.takes_temperature(model):
            names = " and ".join(f"`{name}`" for name in sampling)
            raise errors.InvalidRequestError(f"{model} does not take {names}: leave it out.", param=sampling[0])
        payload = self._provider.payload(adapted(self._provider, item))
        params = {**payload.get("extra_body", {}), **{name: payload[name] for name in payload if name not in _NO_FIELDS}}
        return json.dumps({"custom_id": item.id, "params": params}, separators=(",", ":")).encode()

    async def submit(self, name: str, model: str, lines: Sequence[bytes]) -> str:  # noqa: ARG002
        from anthropic.types.messages import MessageBatch

        size = joined_bytes(lines, _START, _BETWEEN, _END)
        headers = {"content-type": "application/json", "content-length": str(size)}
        if any(map(_HAS_SAMPLING.match, lines)):  # older models take it under this version only, newer ones have none of it
            headers["anthropic-version"] = SAMPLING_VERSION
        async with self._call(size=size):
            batch = await self._client.post(
                PATH,
                cast_to=MessageBatch,
                content=joined(lines, _START, _BETWEEN, _END),
                options={"headers": headers, "max_retries": 0},
            )
            return _id_of(batch)

    async def find(self, name: str, since: float, requests: int) -> str | None:
        """Return the id of the job with this name, or None if the provider has none.

        A job that runs does not show its name. One with this number of requests is taken for it, if it is the only one.
        """
        running = []
        async with self._call():
            async for batch in self._client.messages.batches.list(limit=PAGE):
                if batch.created_at.timestamp() < since - CLOCK_SECONDS:
                    break
                if _total(batch) != requests or batch.archived_at is not None:
                    continue
                if batch.processing_status != "ended":
                    running.append(batch.id)
                elif await self._has_name(batch.id, name):
                    return batch.id
        if len(running) > 1:
            raise errors.ProviderError(
                f"{len(running)} jobs with {requests:,} requests are running ({', '.join(running)}), and any may be the one: "
                "look again when they have ended, as Anthropic shows whose they are only then.",
                retryable=True,
            )
        return running[0] if running else None

    async def status(self, job_id: str) -> BatchStatus:
        async with self._call(job_id):
            batch = await self._client.messages.batches.retrieve(job_id)
            counts = batch.request_counts
            return BatchStatus(
                "ended" if batch.processing_status == "ended" else "running",
                batch.processing_status,
                done=counts.succeeded + counts.errored,
                total=_total(batch),
                problem=_problem(batch),
            )

    async def results(self, job_id: str) -> AsyncIterator[BatchResult]:
        async for row in self._rows(job_id):
            try:
                with self._provider.map_errors():
                    result = await self._result(row)
            except errors.CompletionError as error:  # this one makes no sense, but the others may
                result = BatchResult(row.custom_id, error=error.with_traceback(None))
            yield result

    async def cancel(self, job_id: str) -> None:
        async with self._call(job_id):
            await self._client.messages.batches.cancel(job_id)

    async def aclose(self) -> None:
        await self._client.close()

    async def _result(self, row: MessageBatchIndividualResponse) -> BatchResult:
        """Return what came of a request."""
        item_id, result = row.custom_id, row.result
        if result.type == "succeeded":
            answer, refusal = MessageAnswer(result.message.id), None
            try:
                answer.add_message(result.message)
            except errors.RefusalError as error:
                refusal = error.with_traceback(None)
            completion = answer.completion(self._provider.auth_mode())
            completion.warnings += deprecation(completion.model)
            return await finished(self._provider, item_id, completion, refusal)
        if result.type == "errored":
            said = result.error.error
            return BatchResult(item_id, error=failed_while_answering(said.type, said.message, result.error.request_id))
        if result.type == "canceled":
            return cancelled(item_id)
        if result.type == "expired":
            return expired(item_id)
        return BatchResult(item_id, error=errors.ProviderError(f"it answered with the unknown word {result.type!r}."))

    async def _has_name(self, job_id: str, name: str) -> bool:
        """Return whether the results of a job that has ended are those of the job with this name."""
        rows = self._rows(job_id)
        try:
            return (await anext(rows)).custom_id.startswith(f"{name}-")
        except StopAsyncIteration:
            return False
        finally:
            await rows.aclose()

    async def _rows(self, job_id: str) -> AsyncGenerator[MessageBatchIndividualResponse]:
        """Yield the results as they arrive. The SDK's own method would send the key to whatever address Anthropic names."""
        from anthropic._decoders.jsonl import AsyncJSONLDecoder
        from anthropic.types.messages import MessageBatchIndividualResponse

        async with self._call(job_id):
            rows = await self._client.get(
                f"{PATH}/{quote(job_id, safe='')}/results",
                cast_to=AsyncJSONLDecoder[MessageBatchIndividualResponse],
                options={"headers": {"accept": "application/binary"}},
                stream=_STREAMED,
            )
        try:
            with self._provider.map_errors():
                async for line in core.http.lines(rows.http_response):  # the SDK reads 64 bytes at a time
                    if not line.strip():
                        continue
                    row = MessageBatchIndividualResponse.construct(**json.loads(line))
                    if not isinstance(row.custom_id, str):
                        raise errors.ProviderError("a result of the job does not say whose it is.")
                    yield row
        finally:
            await rows.close()

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
                with self._provider.map_errors():
                    yield
        except TimeoutError:
            raise errors.CallTimeoutError(f"no answer within {seconds:g} s.") from None
        except errors.CompletionError as error:
            if job_id is None or error.status != 404:
                raise
            raise errors.InvalidRequestError(f"there is no job {job_id}, or its results are gone.", status=404) from None


def _id_of(batch: MessageBatch) -> str:
    if not isinstance(batch.id, str) or not batch.id:
        raise errors.ProviderError("it answered without the id of the job.")
    return batch.id


def _total(batch: MessageBatch) -> int:
    counts = batch.request_counts
    return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired


def _problem(batch: MessageBatch) -> str:
    counts = batch.request_counts
    problems = []
    if batch.cancel_initiated_at is not None:
        problems.append(f"it was cancelled ({counts.canceled:,} requests without an answer)")
    if counts.expired:
        problems.append(f"it expired ({counts.expired:,} requests without an answer)")
    return "; ".join(problems)
