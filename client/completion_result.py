"""Define the type of a call's result: a plain dict, of one shape for an answer and of another for a failure."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

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
    """Tokens: `input_tokens` includes the cached ones, `output_tokens` the thinking."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int


class CompletionSuccess(TypedDict):
    """An answer. Every key is there; what the server did not tell is None, empty or 0."""

    output: str
    model: str
    tokens_used: int
    provider: str
    stop_reason: StopReason | None
    native_stop_reason: str | None
    usage: UsageResult | None
    cost_usd: float | None
    request_id: str | None
    latency_ms: int | None
    auth_mode: str | None
    reasoning: str | None
    structured: Any
    dropped_params: list[str]
    warnings: list[str]


class CompletionFailure(TypedDict):
    """A provider's failure. Every key is there; `output` is None, and `partial` is the text that had come before it."""

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


CompletionResult: TypeAlias = CompletionSuccess | CompletionFailure
"""What `call()` returns: `result["output"] is None` tells the two apart, for you and for a type checker."""
