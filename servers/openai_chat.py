"""Speak Chat Completions with OpenAI, and with compatible servers in spite of their differences.

Sources: https://platform.openai.com/docs/api-reference/chat; the types of `openai` 3.54. The differences of OpenRouter,
DeepSeek, Moonshot, Cerebras, xAI, vLLM and Ollama are known from reports, those of llama.cpp and LiteLLM from trying them.
"""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import chat, errors
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk
    from openai.types.completion_usage import CompletionUsage

    from mcp_models.servers.core.completion import Completion, CompletionRequest, StopReason, Usage
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.openai_responses import Failed


async def complete_chat(
    client: AsyncOpenAI,
    request: CompletionRequest,
    on_text: OnText,
    limit: str,
    strict_format: dict[str, Any] | None,
    failed: Failed,
) -> Completion:
    """Ask for a streamed chat completion.

    Args:
        client: The SDK's client.
        request: The request.
        on_text: Called with each piece of the text.
        limit: The name of the field for `max_tokens`. Compatible servers still use the old name.
        strict_format: The answer's schema and its name, if there is one.
        failed: Returns the error for a failure within the stream.
    """
    payload = chat_payload(request, limit, strict_format)
    async with await client.chat.completions.create(
        **payload, stream=True, stream_options={"include_usage": True}, timeout=None
    ) as stream:
        answer = ChatAnswer(stream.response.headers.get("x-request-id"), failed)
        if stream.response.headers.get("content-type", "").startswith("application/json"):
            raise failed(None, core.http.quote(await stream.response.aread()), answer.request_id)
        async for chunk in stream:
            if text := answer.add(chunk):
                on_text(text)
    if text := answer.rest():
        on_text(text)
    return answer.completion("api_key")


def chat_payload(request: CompletionRequest, limit: str, strict_format: dict[str, Any] | None) -> dict[str, Any]:
    """Translate a request for Chat Completions. The arguments are those of `complete_chat`."""
    payload = {
        "model": request.model,
        "messages": chat.messages(request),
        limit: request.limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
        "reasoning_effort": request.reasoning_effort,
        "response_format": None if strict_format is None else {"type": "json_schema", "json_schema": strict_format},
    }
    return {name: value for name, value in payload.items() if value is not None}


class ChatAnswer(StreamAccumulator):
    """Collect the chunks of a streamed chat completion.

    Args:
        request_id: The provider's identifier for the request.
        failed: Returns the error for a failure within the stream.
    """

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {
        **chat.STOP_REASONS,
        "function_call": "tool_use",
        "content_filter": "content_filter",
    }

    def __init__(self, request_id: str | None, failed: Failed) -> None:
        super().__init__(request_id)
        self.refusals: list[str] = []
        self._failed = failed
        self._tags = chat.ThinkTags()

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Add a chunk and return the text in it.

        Raises:
            CompletionError: The chunk itself is an error, or the answer ended with one.
        """
        self.model = chunk.model or self.model
        self.usage = _usage(chunk.usage) if chunk.usage else self.usage
        if not chunk.choices:
            self._check_flat_error(chunk)
        text = ""
        for choice in (chunk.choices or [])[:1]:
            self.native_stop_reason = choice.finish_reason or self.native_stop_reason
            if choice.delta is not None:
                text = self._add_delta(choice.delta)
        if self.native_stop_reason == "error":
            raise self._failed("server_error", "it gave no reason", self.request_id)
        return text

    def rest(self) -> str:
        """Return the text that was held back because it might have been the beginning of a tag."""
        thought, text = self._tags.rest()
        self._keep(thought, text)
        return text

    def completion(self, auth_mode: str) -> Completion:
        """Return the complete answer.

        Raises:
            RefusalError: The model declined to answer.
        """
        if self.refusals:
            raise errors.RefusalError(f"the model declined: {''.join(self.refusals)}", request_id=self.request_id)
        return super().completion(auth_mode)

    def _add_delta(self, delta: Any) -> str:
        self.refusals += [delta.refusal] if delta.refusal else []
        # OpenAI has neither. The first name is used by llama.cpp and DeepSeek, the second by vLLM, Ollama and OpenRouter.
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        tagged, text = self._tags.feed(_text(delta.content))
        self._keep((thought if isinstance(thought, str) else "") + tagged, text)
        return text

    def _keep(self, thought: str, text: str) -> None:
        self.thoughts += [thought] if thought else []
        self.texts += [text] if text else []

    def _check_flat_error(self, chunk: ChatCompletionChunk) -> None:
        """Raise an error if the chunk is just an error's fields, as Cerebras sends them."""
        fields = chunk.model_extra or {}
        if isinstance(fields.get("message"), str):
            raise self._failed(str(fields.get("code") or fields.get("type") or ""), fields["message"], self.request_id)


def _text(content: Any) -> str:
    """Return the text of a delta's content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content or ""


def _usage(usage: CompletionUsage) -> Usage:
    """Convert the usage. OpenAI has cached tokens in the details, and others at the top under various names."""
    details, extra = usage.prompt_tokens_details, usage.model_extra or {}
    read = getattr(details, "cached_tokens", None) or extra.get("prompt_cache_hit_tokens") or extra.get("cached_tokens")
    written = getattr(details, "cache_write_tokens", None) or getattr(details, "cache_creation_input_tokens", None)
    return core.completion.Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cache_read_tokens=read or 0,
        cache_write_tokens=written or 0,
        reasoning_tokens=getattr(usage.completion_tokens_details, "reasoning_tokens", None) or 0,
    )
