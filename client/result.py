"""Owns how a `CallToolResult` is read: the one shape of a `call`'s result, for every server."""

from __future__ import annotations

from mcp_models.client.errors import ServerProtocolError
from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mcp_models.client.completion_result import CompletionResult


def result_dict(result: Mapping[str, Any], provider: str, model_name: str) -> CompletionResult:
    """A `CallToolResult` of any MCP server as a `call`'s result; one without our `_meta` is read by its text.

    Raises:
        ServerProtocolError: It is no such result, or one that asks for further input.
    """
    if result.get("resultType", "complete") != "complete":
        raise ServerProtocolError(f"the server answered with {result['resultType']!r}, which a completion has no use for")
    text, meta = _text(result), _object(result, "_meta")
    if result.get("isError"):
        error = _object(meta, META_ERROR) or {"message": text or "no explanation", "type": "provider_error"}
        return _failure(error, provider, model_name)
    record = dict(_object(meta, META_COMPLETION))
    answer: dict[str, Any] = {
        "output": _text({"content": result["content"][:1]}) if record else text,  # a second block is for a host's model
        "model": record.pop("model", model_name),
        "tokens_used": record.pop("tokens_used", 0),
        "provider": record.pop("provider", provider),
    }
    if "structuredContent" in result:
        record["structured"] = result["structuredContent"]
    answer |= record
    return answer  # type: ignore[return-value]


def _text(result: Mapping[str, Any]) -> str:
    content = result.get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise ServerProtocolError("the server answered with a result that has no `content`, a list of objects")
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise ServerProtocolError("the server answered with a text part that has no `text`, a string")
    return "".join(str(text) for text in texts)


def _object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key) or {}
    if not isinstance(value, dict):
        raise ServerProtocolError(f"the server answered with a `{key}` that is no object")
    return value


def _failure(error: Mapping[str, Any], provider: str, model_name: str) -> CompletionResult:
    return {
        "output": None,
        "model": error.get("model") or model_name,
        "tokens_used": 0,
        "provider": error.get("provider") or provider,
        "error": error.get("message"),
        "error_type": error.get("type"),
        "retryable": bool(error.get("retryable")),
        "retry_after": error.get("retry_after"),
        "status": error.get("status"),
        "request_id": error.get("request_id"),
        "partial": error.get("partial"),
    }
