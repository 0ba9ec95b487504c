"""Make jobs for the tests of Batch APIs that work with files."""

from __future__ import annotations

from typing import Any

from mcp_models.servers import load_provider
from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult
from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.errors import CompletionError
from tests.fakes.batch_files import BatchFiles

NAME = "run-1"


def jobs_of(fake: BatchFiles, **env: str) -> BatchJobs:
    """Return the Batch API of a provider whose settings lead to the fake."""
    jobs = load_provider(fake.provider, {**fake.environment(), **env}).batch_jobs()
    assert jobs is not None
    return jobs


def item(number: int = 0, **arguments: Any) -> BatchItem:
    """Return a request of the job `NAME`."""
    arguments = {"prompt": f"Question {number}?", "model": "gpt-5.2", **arguments}
    return BatchItem(f"{NAME}-{number}", CompletionRequest(**arguments))


async def submitted(jobs: BatchJobs, count: int = 1, **arguments: Any) -> str:
    """Submit a job with this many requests, and return its id."""
    items = [item(number, **arguments) for number in range(count)]
    return await jobs.submit(NAME, items[0].request.model or "", [jobs.line(each) for each in items])


async def results_of(jobs: BatchJobs, job_id: str) -> dict[str, BatchResult]:
    """Return all results of a job, by the ends of their ids."""
    return {result.id.removeprefix(f"{NAME}-"): result async for result in jobs.results(job_id)}


def error_of(result: BatchResult) -> CompletionError:
    """Return the error of a result that must have one."""
    assert result.error is not None
    return result.error
