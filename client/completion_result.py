"""Define the type of a call's result: a plain dict, with one shape for an answer and another for a failure."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict, final

from mcp_models.servers.core.completion import StopReason

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
