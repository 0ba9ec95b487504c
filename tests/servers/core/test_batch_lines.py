"""What the service does for a call, done for a line of a job; and the body that holds the lines."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core import batch_lines, errors
from mcp_models.servers.core.batches import BatchItem
from mcp_models.servers.core.completion import Completion, CompletionRequest, Usage

ANTHROPIC = load_provider("anthropic", {})


def item(item_id: str = "job-1", **fields: Any) -> BatchItem:
    return BatchItem(item_id, CompletionRequest(**{"prompt": "x", "model": "claude-sonnet-4-6", **fields}))


def answer(**fields: Any) -> Completion:
    fields = {"text": "Hello", "model": "claude-sonnet-4-6", "stop_reason": "end_turn", "auth_mode": "api_key", **fields}
    return Completion(**fields)


def test_a_request_has_what_a_call_has() -> None:
    sent = batch_lines.adapted(ANTHROPIC, item(timeout=5))
    assert (sent.temperature, sent.timeout) == (7.3e-07, None)
    assert batch_lines.adapted(ANTHROPIC, item(reasoning_effort="minimal")).reasoning_effort == "low"


@pytest.mark.parametrize("item_id", ["", "a b", "ü", "x" * 65, "a/b", "a\n"])
def test_an_id_must_suit_every_provider(item_id: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match="id: expected"):
        batch_lines.adapted(ANTHROPIC, item(item_id))


def test_what_would_have_no_effect_is_refused() -> None:
    with pytest.raises(errors.InvalidRequestError, match="claude-sonnet-4-6 does not take `seed`: leave it out") as raised:
        batch_lines.adapted(ANTHROPIC, item(seed=1))
    assert raised.value.param == "seed"


@pytest.mark.parametrize("count", [1, 2, 1000])
async def test_lines_are_joined_in_pieces(count: int) -> None:
    lines = [b"x" * 1000] * count
    pieces = [piece async for piece in batch_lines.joined(lines, b"[", b",", b"]")]
    body = b"".join(pieces)
    assert body == b"[" + b",".join(lines) + b"]"
    assert len(body) == batch_lines.joined_bytes(lines, b"[", b",", b"]")
    assert max(map(len, pieces)) < batch_lines.PIECE_BYTES + 2000


async def test_an_answer_is_priced_as_of_a_batch() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    result = await batch_lines.finished(ANTHROPIC, "job-1", answer(usage=usage, service_tier="standard"))
    assert result.error is None
    assert result.completion is not None
    assert result.completion.service_tier == "batch"
    assert result.completion.cost_usd == pytest.approx(9)


async def test_an_answer_of_no_use_is_priced_too() -> None:
    result = await batch_lines.finished(ANTHROPIC, "job-1", answer(text="", usage=Usage(input_tokens=1_000_000)))
    assert isinstance(result.error, errors.EmptyOutputError)
    assert result.completion is not None
    assert result.completion.cost_usd == pytest.approx(1.5)


async def test_a_problem_that_is_known_counts_most() -> None:
    known = errors.RefusalError("I cannot help with that.")
    assert (await batch_lines.finished(ANTHROPIC, "job-1", answer(text=""), known)).error is known


def test_a_request_without_an_answer_may_be_sent_again() -> None:
    for result in (batch_lines.cancelled("job-1"), batch_lines.expired("job-1")):
        assert result.error is not None
        assert result.error.retryable
