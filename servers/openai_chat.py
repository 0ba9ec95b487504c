"""Speak Chat Completions with OpenAI, and with compatible servers in spite of their differences.

Sources: https://platform.openai.com/docs/api-reference/chat; the types of `openai` 3.54. The differences of OpenRouter,
DeepSeek, Moonshot, Cerebras, xAI, vLLM and Ollama are known from reports, those of llama.cpp and LiteLLM from trying them.
"""

from __future__ import annotations

import json

from mcp_models.servers import core
from mcp_models.servers.core import chat, errors
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.completion_usage import CompletionUsage

    from mcp_models.servers.core.completion import Completion, CompletionRequest, StopReason, Usage
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.openai_compatible import OpenAICompatible


_LARGEST_COST = 1e18
"""A number of a cost's units, whatever they are, that no call can cost."""


async def complete_chat(
    provider: OpenAICompatible,
    client: AsyncOpenAI,
    payload: dict[str, Any],
    on_text: OnText,
    *,
    streams: bool = True,
    auth_mode: str = "api_key",
) -> Completion:
    """Ask for one chat completion.

    Args:
        provider: The provider, which says how its answers differ from OpenAI's.
        client: The SDK's client.
        payload: The request, from `chat_payload`. Fields that OpenAI does not have are in `extra_body`.
        on_text: Called with each piece of the text.
        streams: Whether to ask for a stream. Some servers refuse one together with a schema.
        auth_mode: `auth_mode` of the completion.
    """
    answer = ChatAnswer(provider)
    if not streams:
        response = await client.chat.completions.with_raw_response.create(**payload, timeout=None)
        answer.request_id = response.headers.get(provider.request_id_header)
        if text := answer.add(response.parse()) + answer.rest():
            on_text(text)
        return answer.completion(auth_mode)
    create = client.chat.completions.create
    async with await create(**payload, stream=True, stream_options={"include_usage": True}, timeout=None) as stream:
        answer.request_id = stream.response.headers.get(provider.request_id_header)
        if stream.response.headers.get("content-type", "").startswith("application/json"):
            raise _error_without_status(provider, await stream.response.aread(), answer.request_id)
        async for chunk in stream:
            if text := answer.add(chunk):
                on_text(text)
    if text := answer.rest():
        on_text(text)
    return answer.completion(auth_mode)


def chat_payload(request: CompletionRequest, limit: str, strict_format: dict[str, Any] | None) -> dict[str, Any]:
    """Translate a request for Chat Completions.

    Args:
        request: The request.
        limit: The name of the field for `max_tokens`. Compatible servers still use the old name.
        strict_format: The answer's schema and its name, if there is one.
    """
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
        provider: The provider, which says how its answers differ from OpenAI's.
    """

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {
        **chat.STOP_REASONS,
        "function_call": "tool_use",
        "content_filter": "content_filter",
    }

    def __init__(self, provider: OpenAICompatible) -> None:
        super().__init__()
        self.refusals: list[str] = []
        self.cost_usd: float | None = None
        self._provider = provider
        self._tags = chat.ThinkTags()

    def add(self, chunk: ChatCompletionChunk | ChatCompletion) -> str:
        """Add a chunk, or a whole answer that is not streamed, and return the text in it.

        Raises:
            CompletionError: The chunk itself is an error, or the answer ended with one.
        """
        self.model = chunk.model or self.model
        if self._provider.service_tiers:  # others have tiers that cost the same, such as Groq
            self.service_tier = self._provider.served_tier(chunk.service_tier) or self.service_tier
        if usage := chunk.usage or _usage_of_choice(chunk):
            self.usage = _usage(usage, self._provider.output_excludes_reasoning)
            self.cost_usd = _cost(usage, self._provider.cost)
        if not chunk.choices:
            self._check_flat_error(chunk)
        text = ""
        for choice in (chunk.choices or [])[:1]:
            self.native_stop_reason = choice.finish_reason or self.native_stop_reason
            delta = getattr(choice, "delta", None) or getattr(choice, "message", None)
            if delta is not None:
                text = self._add_delta(delta)
        if self.native_stop_reason == "error":
            raise self._provider.failure("server_error", "it gave no reason", self.request_id)
        if self.native_stop_reason in self._provider.error_types:
            said = f"it stopped with `{self.native_stop_reason}`"
            raise self._provider.failure(self.native_stop_reason, said, self.request_id)
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
        if (declined := self.refusal()) is not None:
            raise declined
        return self.answered(auth_mode)

    def refusal(self) -> errors.RefusalError | None:
        """Return the error if the model declined to answer, or None."""
        if not self.refusals:
            return None
        return errors.RefusalError(f"the model declined: {''.join(self.refusals)}", request_id=self.request_id)

    def answered(self, auth_mode: str) -> Completion:
        """Return the complete answer, which may have no text."""
        completion = super().completion(auth_mode)
        completion.stop_reason = self._provider.stop_reasons.get(self.native_stop_reason, completion.stop_reason)
        completion.cost_usd = self.cost_usd
        return completion

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

    def _check_flat_error(self, chunk: ChatCompletionChunk | ChatCompletion) -> None:
        """Raise an error if the chunk is just an error's fields, as Cerebras sends them."""
        fields = chunk.model_extra or {}
        if isinstance(fields.get("message"), str):
            code = str(fields.get("code") or fields.get("type") or "")
            raise self._provider.failure(code, fields["message"], self.request_id)


def _text(content: Any) -> str:
    """Return the text of a delta's content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content or ""


def _error_without_status(provider: OpenAICompatible, body: bytes, request_id: str | None) -> errors.CompletionError:
    """Return the error in a JSON body under HTTP 200. xAI has its code beside the error, others have it inside."""
    try:
        fields = json.loads(body)
        code = (fields["error"] if isinstance(fields["error"], dict) else fields)["code"]
    except (ValueError, RecursionError, LookupError, TypeError):
        code = None
    return provider.failure(None if code is None else str(code), core.http.quote(body), request_id)


def _cost(usage: CompletionUsage, field: tuple[str, float] | None) -> float | None:
    """Return the cost in dollars, if the provider reports it in a field of `usage`.

    With a key of your own for a model's host, OpenRouter's field has only its own charge. The host's stands in the details:
    https://openrouter.ai/docs/use-cases/usage-accounting.
    """
    name, dollars = field or ("", 0.0)
    extra = usage.model_extra or {}
    amounts = [extra.get(name)]
    if extra.get("is_byok") is True:
        details = extra.get("cost_details")
        amounts.append(details.get("upstream_inference_cost") if isinstance(details, dict) else None)
    known = [amount for amount in amounts if isinstance(amount, (int, float)) and 0 <= amount < _LARGEST_COST]
    return sum(known) * dollars if len(known) == len(amounts) else None


def _usage_of_choice(chunk: ChatCompletionChunk | ChatCompletion) -> CompletionUsage | None:
    """Return the usage in a chunk's choice, where Moonshot's documents have it."""
    from openai.types.completion_usage import CompletionUsage

    choice = chunk.choices[0] if chunk.choices else None
    fields = (choice.model_extra or {}).get("usage") if choice is not None else None
    return CompletionUsage.construct(**fields) if isinstance(fields, dict) else None


def _usage(usage: CompletionUsage, output_excludes_reasoning: bool) -> Usage:
    """Convert the usage. OpenAI has cached tokens in the details, and others at the top under various names."""
    details, extra = usage.prompt_tokens_details, usage.model_extra or {}
    read = getattr(details, "cached_tokens", None) or extra.get("prompt_cache_hit_tokens") or extra.get("cached_tokens")
    written = getattr(details, "cache_write_tokens", None) or getattr(details, "cache_creation_input_tokens", None)
    thinking = getattr(usage.completion_tokens_details, "reasoning_tokens", None) or 0
    return core.completion.Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=(usage.completion_tokens or 0) + (thinking if output_excludes_reasoning else 0),
        cache_read_tokens=read or 0,
        cache_write_tokens=written or 0,
        reasoning_tokens=thinking,
    )
