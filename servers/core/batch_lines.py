"""Prepare a request for a job, send the lines of one, and turn an answer from its results into a completion.

This is what `service.py` does for a call. Some of it cannot be done in a job: nothing learns from a refusal, and nobody is
told that a parameter had no effect. So what has no effect is refused before it is paid for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import structs

from mcp_models.servers.core import errors, pricing
from mcp_models.servers.core.adaptation import Adaptation, learnt_of
from mcp_models.servers.core.batches import BatchResult
from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.service import check_answer, check_usage, note_cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from mcp_models.servers.core.batches import BatchItem
    from mcp_models.servers.core.completion import Completion
    from mcp_models.servers.core.provider import Provider

ID = r"[a-zA-Z0-9_-]{1,64}"
"""What all providers take for a request's id."""

PIECE_BYTES = 256 * 1024
"""The size of the pieces in which lines are sent."""

SLOWEST_UPLOAD = 100_000
"""Bytes a second. A call that sends lines has as much more time as they take at this rate."""


def adapted(provider: Provider, item: BatchItem) -> CompletionRequest:
    """Return the request as its model takes it: with our default temperature, and the nearest effort that there is.

    Args:
        provider: The provider.
        item: The request and its id.

    Raises:
        InvalidRequestError: It cannot be sent in a job, or part of it would have no effect.
    """
    request = item.request
    if not re.fullmatch(ID, item.id):
        raise errors.InvalidRequestError(f"id: expected 1 to 64 letters, digits, - or _, got {item.id!r}.")
    if request.service_tier is not None:
        raise errors.InvalidRequestError("service_tier: a batch is a tier of its own: leave it out.")
    adaptation = Adaptation(request, provider, learnt_of(provider, request.model or ""))
    sent = adaptation.request()
    if adaptation.dropped:
        names = ", ".join(f"`{name}`" for name in sorted(adaptation.dropped))
        raise errors.InvalidRequestError(f"{request.model} does not take {names}: leave it out.", param=adaptation.dropped[0])
    return structs.replace(sent, timeout=None)


async def joined(lines: Sequence[bytes], start: bytes, between: bytes, end: bytes) -> AsyncIterator[bytes]:
    """Yield the body of a request that holds the lines, in pieces, so that it needs no memory of its own."""
    piece = bytearray(start)
    for number, line in enumerate(lines):
        piece += between + line if number else line
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece + end)


def joined_bytes(lines: Sequence[bytes], start: bytes, between: bytes, end: bytes) -> int:
    """Return how many bytes `joined` yields."""
    return len(start) + sum(map(len, lines)) + len(between) * max(len(lines) - 1, 0) + len(end)


async def finished(
    provider: Provider, item_id: str, completion: Completion, problem: errors.CompletionError | None = None
) -> BatchResult:
    """Return the result for an answer: checked and priced. One that was billed but is of no use has an error beside it.

    Args:
        provider: The provider.
        item_id: The request's id.
        completion: What the provider answered.
        problem: Why it is of no use, if that is known already.
    """
    completion.provider = provider.name
    completion.service_tier = pricing.BATCH
    check_usage(completion)
    await pricing.book(provider, completion)
    try:
        check_answer(completion)
    except errors.CompletionError as error:
        problem = problem or error.with_traceback(None)
    if problem is not None:
        return BatchResult(item_id, completion, problem)
    note_cut(completion)
    return BatchResult(item_id, completion)


def cancelled(item_id: str) -> BatchResult:
    """Return the result for a request that was not answered because its job was cancelled."""
    said = "the job was cancelled before this request was answered."
    return BatchResult(item_id, error=errors.ProviderError(said, retryable=True))


def expired(item_id: str) -> BatchResult:
    """Return the result for a request that was not answered because its job ran out of time."""
    return BatchResult(item_id, error=errors.OverloadedError("the job expired before this request was answered."))
