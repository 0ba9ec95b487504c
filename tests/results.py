"""Tell an answer from a failure, for tests that expect the one or the other."""

from __future__ import annotations

from mcp_models.client import CompletionFailure, CompletionResult, CompletionSuccess


def success(result: CompletionResult) -> CompletionSuccess:
    """Return a result that is an answer; fail with the error of any other."""
    assert result["output"] is not None, result["error"]
    return result


def failure(result: CompletionResult) -> CompletionFailure:
    """Return a result that is a failure; fail with the text of any other."""
    assert result["output"] is None, result["output"]
    return result
