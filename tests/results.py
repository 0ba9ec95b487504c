"""Check that a result is an answer or a failure, for tests that expect the one or the other."""

from __future__ import annotations

from mcp_models.client import CompletionFailure, CompletionResult, CompletionSuccess


def success(result: CompletionResult) -> CompletionSuccess:
    """Return the result if it is an answer. If not, fail and show its error."""
    assert result["output"] is not None, result["error"]
    return result


def failure(result: CompletionResult) -> CompletionFailure:
    """Return the result if it is a failure. If not, fail and show its text."""
    assert result["output"] is None, result["output"]
    return result
