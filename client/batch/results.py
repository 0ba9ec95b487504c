"""Make the result of a row for which the server has none, and read what a result has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.model import Model


def cost_of(result: CompletionResult) -> float | None:
    """Return what a call has cost in dollars, or None if nobody knows."""
    return None if result["output"] is None else result["cost_usd"]


def failed(model: Model, error_type: Any, error: str, retryable: bool) -> CompletionResult:
    """Return a failure that did not come from the server.

    Args:
        model: The model.
        error_type: The type of the error.
        error: A sentence for people.
        retryable: Whether the same call may succeed later.
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
        "partial": None,
        "dropped_params": [],
    }
