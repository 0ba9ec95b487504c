"""Turn a `CallToolResult` of any MCP server into the result that `call()` returns."""

from __future__ import annotations

from mcp_models.client.errors import ServerProtocolError
from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mcp_models.client.completion_result import CompletionFailure, CompletionResult, CompletionSuccess


def read_tool_result(
    result: Mapping[str, Any], provider: str, model_name: str, not_sent: list[str] | None = None
) -> CompletionResult:
    """Turn a `CallToolResult` into a call's result. If it has none of our `_meta`, the server is not ours: use its text.

    Args:
        result: The server's answer.
        provider: The provider's name, in case the server does not tell.
        model_name: The model's name, in case the server does not tell.
        not_sent: Arguments that were not sent, because the server's tool does not accept them.

    Raises:
        ServerProtocolError: The answer is not such a result, or it asks for further input.
    """
    if result.get("resultType", "complete") != "complete":
        raise ServerProtocolError(f"the server answered with {result['resultType']!r}, which a completion has no use for")
    text, meta = _text(result), _object(result, "_meta")
    if result.get("isError"):
        error = _object(meta, META_ERROR) or {"message": text or "no explanation", "type": "provider_error"}
        return _failure(error, provider, model_name, not_sent or [])
    record = {"provider": provider, "model": model_name, **_object(meta, META_COMPLETION)}
    if META_COMPLETION in meta:
        text = _text({"content": result["content"][:1]})  # the second block holds notes for the model in a host
    if "structuredContent" in result:
        record["structured"] = result["structuredContent"]
    return _success(text, record, not_sent or [])


def _success(text: str, record: dict[str, Any], not_sent: list[str]) -> CompletionSuccess:
    return {
        "output": text,
        "model": record["model"],
        "tokens_used": record.get("tokens_used", 0),
        "provider": record["provider"],
        "stop_reason": record.get("stop_reason"),
        "native_stop_reason": record.get("native_stop_reason"),
        "usage": record.get("usage"),
        "service_tier": record.get("service_tier"),
        "cost_usd": record.get("cost_usd"),
        "price_source": record.get("price_source"),
        "cache_savings_usd": record.get("cache_savings_usd"),
        "request_id": record.get("request_id"),
        "latency_ms": record.get("latency_ms"),
        "auth_mode": record.get("auth_mode"),
        "reasoning": record.get("reasoning"),
        "structured": record.get("structured"),
        "files": record.get("files") or [],
        "citations": record.get("citations") or [],
        "dropped_params": sorted({*_strings(record, "dropped_params"), *not_sent}),
        "warnings": _strings(record, "warnings"),
    }


def _failure(error: Mapping[str, Any], provider: str, model_name: str, not_sent: list[str]) -> CompletionFailure:
    return {
        "output": None,
        "model": error.get("model") or model_name,
        "tokens_used": 0,
        "provider": error.get("provider") or provider,
        "error": error.get("message") or "no explanation",
        "error_type": error.get("type") or "provider_error",
        "retryable": bool(error.get("retryable")),
        "retry_after": error.get("retry_after"),
        "status": error.get("status"),
        "request_id": error.get("request_id"),
        "partial": error.get("partial"),
        "dropped_params": sorted(not_sent),
    }


def _text(result: Mapping[str, Any]) -> str:
    content = result.get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise ServerProtocolError("the server answered with a result that has no `content`, a list of objects")
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise ServerProtocolError("the server answered with a text part that has no `text`, a string")
    return "".join(str(text) for text in texts)


def _strings(holder: Mapping[str, Any], key: str) -> list[str]:
    value = holder.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ServerProtocolError(f"the server answered with a `{key}` that is not a list of strings")
    return value


def _object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key) or {}
    if not isinstance(value, dict):
        raise ServerProtocolError(f"the server answered with a `{key}` that is not an object")
    return value
