"""Define the type of a call's result: a plain dict, with one shape for an answer and another for a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, final

from mcp_models.servers.core.completion import StopReason

if TYPE_CHECKING:
    from mcp_models.client.model import Model

ErrorType = Literal[
    "configuration",
    "authentication",
    "permission",
    "billing",
    "rate_limit",
    "overloaded",
    "timeout",
    "connection",
    "invalid_request",
    "model_not_found",
    "context_length",
    "refusal",
    "content_filter",
    "empty_output",
    "provider_error",
    "internal",
]


class UsageResult(TypedDict):
    """Token counts. `input_tokens` includes cached tokens, and `output_tokens` includes thinking.

    `cache_write_tokens` includes `cache_write_1h_tokens`.
    """

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    web_searches: int


class CitationResult(TypedDict):
    """A page that the answer cites."""

    url: str
    title: str


class SentFileResult(TypedDict):
    """A file that was attached, with an estimate of its tokens."""

    path: str
    media_type: str
    bytes: int
    tokens: int


class Success(TypedDict):
    """What every kind of answer has."""

    output: str
    model: str
    tokens_used: int
    provider: str
    stop_reason: StopReason | None
    native_stop_reason: str | None
    usage: UsageResult | None
    service_tier: str | None
    cost_usd: float | None
    price_source: str | None
    cache_savings_usd: float | None
    request_id: str | None
    latency_ms: int | None
    auth_mode: str | None
    reasoning: str | None
    structured: Any
    files: list[SentFileResult]
    citations: list[CitationResult]
    dropped_params: list[str]
    warnings: list[str]


@final
class CompletionSuccess(Success):
    """An answer. Every key is always present. What the server did not tell is None, empty or 0."""


class Failure(TypedDict):
    """What every kind of failure has."""

    output: None
    model: str
    tokens_used: int
    provider: str
    error: str
    error_type: ErrorType
    retryable: bool
    retry_after: float | None
    status: int | None
    request_id: str | None
    partial: str | None
    dropped_params: list[str]


@final
class CompletionFailure(Failure):
    """A provider's failure. Every key is always present. `output` is None, and `partial` is the text that had arrived."""


CompletionResult: TypeAlias = CompletionSuccess | CompletionFailure
"""What `call()` returns. mypy tells the two apart by `result["output"] is None`; Pyright by `"error" in result`."""


def failed(model: Model, error_type: ErrorType, error: str, retryable: bool, partial: str | None = None) -> CompletionFailure:
    """Return a failure that did not come from the server.

    Args:
        model: The model that was asked, or was to be asked.
        error_type: The type of the error.
        error: What happened, for people.
        retryable: Whether the same call may succeed at another time.
        partial: The text that had arrived.
    """
    return {
        "output": None,
        "model": model.model_name,
        "tokens_used": 0,
        "provider": model.provider,
        "error": error,
        "error_type": error_type,
        "retryable": retryable,
        "retry_after": None,
        "status": None,
        "request_id": None,
        "partial": partial,
        "dropped_params": [],
    }


def cost_of(result: CompletionResult | None) -> float | None:
    """Return what a call cost in US dollars, if that is known. The failure of a group has a cost, too."""
    cost = None if result is None else result.get("cost_usd")
    return cost if isinstance(cost, float | int) else None
