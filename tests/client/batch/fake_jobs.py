"""Fake a provider's Batch API in this process: it keeps its jobs when the run that sent them is killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

import msgspec

from mcp_models.servers.core.batches import BatchItem, BatchJobs, BatchResult, BatchStatus
from mcp_models.servers.core.completion import Completion, Usage
from mcp_models.servers.core.errors import CompletionError, InvalidRequestError


class FakeJobs(BatchJobs):
    """A Batch API that answers each prompt with itself.

    Attributes:
        sent: The lines of each job, by its name.
        polls: How often a job says that it runs.
        answer: Returns what comes of a prompt, or None if it is not answered.
        submitting: Called before a job is accepted and after it, with its name and which of the two it is.
        guesses: Ids of wrong jobs that are found first.
        finding: Called when a job is looked for.
        cancelled: The jobs that were cancelled.
        refusal: Why every job is refused after it was accepted, or nothing.
    """

    max_requests: ClassVar[int] = 10
    max_bytes: ClassVar[int] = 100_000
    one_model: ClassVar[bool] = True

    def __init__(self) -> None:
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.polls = 1
        self.answer: Callable[[str], Completion | CompletionError | tuple[Completion, CompletionError] | None] = completed
        self.submitting: Callable[[str, bool], None] = lambda name, is_accepted: None
        self.guesses: list[str] = []
        self.finding: Callable[[], None] = lambda: None
        self.cancelled: list[str] = []
        self.refusal = ""

    def line(self, item: BatchItem) -> bytes:
        """Return the id, the model and the prompt."""
        if item.request.prompt == "impossible":
            raise InvalidRequestError("a job cannot hold this.")
        return msgspec.json.encode({"id": item.id, "model": item.request.model, "prompt": item.request.prompt})

    async def submit(self, name: str, model: str, lines: Sequence[bytes]) -> str:
        """Accept a job."""
        self.submitting(name, False)
        assert name not in self.sent
        rows = [msgspec.json.decode(line) for line in lines]
        assert len(rows) <= self.max_requests
        assert {row["model"] for row in rows} == {model}
        assert all(row["id"].startswith(f"{name}-") for row in rows)
        self.sent[name] = rows
        self.submitting(name, True)
        return f"id of {name}"

    async def find(self, name: str, since: float, requests: int) -> str | None:
        """Return the id of a job that was accepted."""
        self.finding()
        if self.guesses:
            return self.guesses.pop()
        if name not in self.sent:
            return None
        assert len(self.sent[name]) == requests
        return f"id of {name}"

    async def status(self, job_id: str) -> BatchStatus:
        """Return that a job runs, and then that it has ended."""
        assert job_id.removeprefix("id of ") in self.sent
        if self.refusal:
            return BatchStatus("failed", "FAILED", problem=self.refusal)
        self.polls -= 1
        return BatchStatus("running", "RUNNING") if self.polls >= 0 and not self.cancelled else BatchStatus("ended", "ENDED")

    async def results(self, job_id: str) -> AsyncIterator[BatchResult]:
        """Yield the results, the last one first."""
        for row in reversed(self.sent[job_id.removeprefix("id of ")]):
            answer = self.answer(row["prompt"])
            if isinstance(answer, tuple):
                yield BatchResult(row["id"], *answer)
            elif isinstance(answer, CompletionError):
                yield BatchResult(row["id"], error=answer)
            elif answer is not None:
                yield BatchResult(row["id"], answer)

    async def cancel(self, job_id: str) -> None:
        """Note that a job was cancelled."""
        self.cancelled.append(job_id)

    async def aclose(self) -> None:
        """Do nothing: the fake lives on."""


def completed(prompt: str) -> Completion:
    """Return an answer for a cent."""
    usage = Usage(input_tokens=1, output_tokens=1)
    return Completion(text=prompt, model="gpt-4o", stop_reason="end_turn", usage=usage, cost_usd=0.01, service_tier="batch")
