"""Owns the type of a `call`'s result, for type checkers; a result is a plain dict."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

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


class CompletionResult(TypedDict):
    """What `call()` returns. The first four are always there; of the others, those that the server told.

    `output` is None after a provider's failure: then `error` to `partial` are there, and of the rest only `request_id`.
    """

    output: str | None
    model: str
    tokens_used: int
    provider: str
    stop_reason: NotRequired[StopReason]
    native_stop_reason: NotRequired[str | None]
    usage: NotRequired[UsageResult]
    cost_usd: NotRequired[float | None]
    request_id: NotRequired[str | None]
    latency_ms: NotRequired[int]
    auth_mode: NotRequired[str | None]
    reasoning: NotRequired[str | None]
    structured: NotRequired[Any]
    dropped_params: NotRequired[list[str]]
    warnings: NotRequired[list[str]]
    error: NotRequired[str | None]
    error_type: NotRequired[ErrorType | None]
    retryable: NotRequired[bool]
    retry_after: NotRequired[float | None]
    status: NotRequired[int | None]
    partial: NotRequired[str | None]
