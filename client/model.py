"""Owns `Model`: the one signature of `call()` and the one shape of its result, for every provider and both ways to it."""

from __future__ import annotations

from mcp_models.client.errors import ServerProtocolError
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT
from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Model:
    """A model that answers prompts.

    Args:
        provider: The provider's name, for results: `openai`.
        model_name: The provider's name of the model.
    """

    TEMPERATURE_DEFAULT = TEMPERATURE_DEFAULT

    def __init__(self, provider: str, model_name: str) -> None:
        self.provider = provider
        self.model_name = model_name

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Asks the model and waits for the answer.

        Args:
            prompt: What to ask.
            max_tokens: The most tokens the answer may have.
            temperature: Sampling temperature; None means `TEMPERATURE_DEFAULT`, for models that take one.
            system: Instructions that precede the prompt.
            options: Any other argument of the tool `complete`: `messages` (then `prompt` is `""`), `top_p`, `stop`,
                `seed`, `reasoning_effort`, `response_schema`, `timeout` (seconds).

        Returns:
            A JSON-serialisable dict. Always: `output` (the text), `model`, `tokens_used`, `provider`. After a success
            also `stop_reason`, `usage` and the rest of the completion's record. After a provider's failure `output` is
            None and there are `error` (a sentence), `error_type`, `retryable`, `retry_after` (seconds or None).

        Raises:
            SessionError: The bridge to the server failed; a `RuntimeError`.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider!r}, model_name={self.model_name!r})"


def call_arguments(
    prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of the tool `complete` for a `call`; what is None is left to the server's default."""
    arguments = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "system": system, **options}
    if prompt == "" and options.get("messages") is not None:
        del arguments["prompt"]
    return {name: value for name, value in arguments.items() if value is not None}


def result_dict(result: Mapping[str, Any], provider: str, model_name: str) -> dict[str, Any]:
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
    answer = {
        "output": text,
        "model": record.pop("model", model_name),
        "tokens_used": record.pop("tokens_used", 0),
        "provider": record.pop("provider", provider),
    }
    if "structuredContent" in result:
        record["structured"] = result["structuredContent"]
    return {**answer, **record}


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


def _failure(error: Mapping[str, Any], provider: str, model_name: str) -> dict[str, Any]:
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
