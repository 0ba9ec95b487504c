"""Define `BatchJobs`: what a provider's Batch API must offer. A job answers many requests at half price, within a day.

No provider's `submit` is idempotent: a job that is sent twice is paid twice. So nothing here sends one again. The caller writes
down the job's name before it submits, and looks for the name (`find`) if it does not know what became of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct

from mcp_models.servers.core.completion import Completion, CompletionRequest
from mcp_models.servers.core.errors import CompletionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

JobState = Literal["running", "ended", "failed"]


class BatchItem(Struct, frozen=True):
    """A request in a job.

    Attributes:
        id: Names the request within its job: 1 to 64 letters, digits, `-` or `_`. It begins with the job's name and a `-`,
            so that a job can be recognised by its results.
        request: The request. Its `model` must be set.
    """

    id: str
    request: CompletionRequest


class BatchStatus(Struct, frozen=True):
    """How far a job has got.

    Attributes:
        state: `ended` if there will be no more results. There may be some even if it was cancelled or has expired, and they
            were billed. `failed` if the provider refused the whole job, so that nothing was billed.
        native_state: The provider's own word.
        done: How many requests have been answered or have failed, as far as the provider says.
        total: How many requests there are.
        problem: Why the job failed, was cancelled or has expired, for people. Empty if it did not.
    """

    state: JobState
    native_state: str
    done: int = 0
    total: int = 0
    problem: str = ""


class BatchResult(Struct, frozen=True):
    """What came of one request: a completion, an error, or both if an answer was billed that is of no use.

    Attributes:
        id: The request's id.
        completion: The completion, with `service_tier` `batch`, its price, and everything else that a call's has.
        error: Why there is none, or none of use. `retryable` is true if it was not answered because the job ended before.
    """

    id: str
    completion: Completion | None = None
    error: CompletionError | None = None


class BatchJobs(ABC):
    """A provider's Batch API. Close it when you no longer need it."""

    max_requests: ClassVar[int]
    """The most requests in a job."""

    max_bytes: ClassVar[int]
    """The most bytes of all lines in a job, line ends included."""

    one_model: ClassVar[bool]
    """Whether all requests of a job must be for the same model."""

    @abstractmethod
    def line(self, item: BatchItem) -> bytes:
        """Return a request as it stands in a job: one line of JSON without its end.

        Raises:
            CompletionError: The Batch API cannot take such a request. The message says why.
        """

    @abstractmethod
    async def submit(self, name: str, model: str, lines: Sequence[bytes]) -> str:
        """Send a job, once, and return its id.

        Args:
            name: The job's name, of 1 to 40 letters, digits or `-`, by which `find` recognises it.
            model: The model of the first request.
            lines: What `line` returned, within `max_requests` and `max_bytes`.

        Raises:
            CompletionError: It was refused, or nobody knows whether it was accepted. In the latter case the type is
                `connection`, `timeout`, `overloaded` or `provider_error`: look with `find` before you send it again.
        """

    @abstractmethod
    async def find(self, name: str, since: float, requests: int) -> str | None:
        """Return the id of the job with this name, or None if the provider has none.

        Args:
            name: The job's name.
            since: When it was submitted at the earliest, in seconds since 1970.
            requests: How many requests it has. Where a provider keeps no names, this tells running jobs apart.

        Raises:
            CompletionError: The provider could not be asked, or several of its jobs may be the one.
        """

    @abstractmethod
    async def status(self, job_id: str) -> BatchStatus:
        """Return how far a job has got.

        Raises:
            CompletionError: The provider could not be asked, or does not know the job.
        """

    @abstractmethod
    def results(self, job_id: str) -> AsyncIterator[BatchResult]:
        """Yield what has come of a job that has ended, in any order, without holding all of it in memory.

        Requests that are missing have not been answered.

        Raises:
            CompletionError: As in `status`.
        """

    @abstractmethod
    async def cancel(self, job_id: str) -> None:
        """Cancel a job. It ends some time later, and what was answered until then is billed.

        Raises:
            CompletionError: As in `status`.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""
