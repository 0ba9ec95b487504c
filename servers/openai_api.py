"""Owns OpenAI's API on a key: requests, streams and errors, by the official SDK.

The Responses API is OpenAI's primary one and is asked first. It has neither `stop` nor `seed`, and few compatible servers
speak it, so Chat Completions serve requests with those and any other OPENAI_BASE_URL (OPENAI_WIRE_API overrides).
Sources: https://platform.openai.com/docs/api-reference/responses and …/chat; the types of `openai` 3.54.
"""

from __future__ import annotations

from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.core import chat, environment, errors
from mcp_models.servers.core.answer import Answer
from mcp_models.servers.core.provider import Provider

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

    from openai import APIError, AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk
    from openai.types.completion_usage import CompletionUsage
    from openai.types.responses import Response, ResponseUsage

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, Message, StopReason, Usage
    from mcp_models.servers.core.environment import Environment
    from mcp_models.servers.core.provider import OnText

BASE_URL = "https://api.openai.com/v1"

OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com")

# Compatible servers know the limit of an answer by its old name, which OpenAI's reasoning models refuse.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"

# The families that take any temperature; newer ones refuse it, or allow it only without reasoning.
_TAKES_TEMPERATURE = ("gpt-3.5", "gpt-4", "chatgpt-4o")

_RESPONSES_STOP_REASONS: dict[str | None, StopReason] = {"max_output_tokens": "max_tokens", "content_filter": "content_filter"}

# Codes that say more than their HTTP status does, or stand in a stream that has none.
_BY_CODE: dict[str, type[errors.CompletionError]] = {
    "insufficient_quota": errors.BillingError,
    "billing_hard_limit_reached": errors.BillingError,
    "invalid_api_key": errors.AuthenticationError,
    "model_not_found": errors.ModelNotFoundError,
    "context_length_exceeded": errors.ContextLengthError,
    "content_policy_violation": errors.ContentFilterError,
    "invalid_prompt": errors.ContentFilterError,
    "bio_policy": errors.ContentFilterError,
    "image_content_policy_violation": errors.ContentFilterError,
    "misalignment_policy_violation": errors.ContentFilterError,
    "rate_limit_exceeded": errors.RateLimitError,
    "exceed_context_size_error": errors.ContextLengthError,
}


class OpenAIAPI(Provider):
    """OpenAI with OPENAI_API_KEY, or a server that speaks its API at OPENAI_BASE_URL; its other way is the subclass's."""

    name = "openai"
    title = "OpenAI"
    summary = "Its models are general-purpose; most of them reason before they answer."
    default_model = "gpt-5.2"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {
        "reasoning": "reasoning_effort",
        "text.format": "response_schema",
        "response_format": "response_schema",
    }
    price_list = "openai"
    package = "openai"
    extra = "openai"
    setup = "set OPENAI_API_KEY (https://platform.openai.com/api-keys)"

    def __init__(self, env: Environment | None = None) -> None:
        super().__init__(env)
        self._limit = OLD_LIMIT

    def check(self) -> None:
        environment.key(self.env, "OPENAI_API_KEY", f"{self.setup}.")
        self._base_url()

    def takes_temperature(self, model: str) -> bool:
        return not self._is_openais() or model.startswith(_TAKES_TEMPERATURE)

    def connect(self) -> AsyncOpenAI:
        key = environment.key(self.env, "OPENAI_API_KEY", f"{self.setup}.")
        from openai import AsyncOpenAI

        base = self._base_url()
        return AsyncOpenAI(api_key=key, base_url=base, max_retries=0, http_client=core.http.new_client(base))

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """One streamed response."""
        client: AsyncOpenAI = await self.client()
        from openai import BadRequestError

        with self._map_errors():
            if self._wire_api(request) == "responses":
                return await _respond(client, request, on_text)
            try:
                limit = NEW_LIMIT if self._is_openais() else self._limit
                return await _chat(client, request, on_text, limit)
            except BadRequestError as error:
                if limit == NEW_LIMIT or NEW_LIMIT not in error.message:
                    raise
                self._limit = NEW_LIMIT  # a gateway to OpenAI's own reasoning models
                return await _chat(client, request, on_text, NEW_LIMIT)

    async def list_models(self) -> list[ModelInfo]:
        """What `/models` lists, with the date of the shutdown where one is set."""
        client: AsyncOpenAI = await self.client()
        with self._map_errors():
            return [_model_info(model.model_dump()) async for model in client.models.list(timeout=None)]

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    def has_list_prices(self) -> bool:
        return self._is_openais()

    def _base_url(self) -> str:
        return environment.base_url(self.env, "OPENAI_BASE_URL", BASE_URL)

    def _is_openais(self) -> bool:
        """Whether OpenAI's own models answer: at its own hosts, or at Azure's."""
        return f"{self._base_url()}/".split("/")[2].endswith(OPENAI_HOSTS)

    def _wire_api(self, request: CompletionRequest) -> str:
        """`responses` or `chat`: OPENAI_WIRE_API, if the request does not decide it."""
        if request.stop is not None or request.seed is not None:
            return "chat"
        chosen = self.env.get("OPENAI_WIRE_API") or ("responses" if self._is_openais() else "chat")
        if chosen not in ("responses", "chat"):
            raise errors.ConfigurationError(f"OPENAI_WIRE_API: expected `responses` or `chat`, got {chosen!r}.")
        return chosen

    @contextmanager
    def _map_errors(self) -> Iterator[None]:
        base = self._base_url()
        with _map_api_errors(base), core.http.map_transport_errors(base, "Check OPENAI_BASE_URL and the network."):
            yield


def _model_info(model: dict[str, Any]) -> ModelInfo:
    shutdown = model.get("shutdown_date")
    return core.catalogue.ModelInfo(id=model["id"], retires_at=str(shutdown) if shutdown else None)


async def _respond(client: AsyncOpenAI, request: CompletionRequest, on_text: OnText) -> Completion:
    async with await client.responses.create(**responses_payload(request), stream=True, timeout=None) as stream:
        request_id = stream.response.headers.get("x-request-id")
        async for event in stream:
            if event.type == "response.output_text.delta":
                on_text(event.delta)
            elif event.type in ("response.completed", "response.incomplete"):
                return responses_completion(event.response, request_id)
            elif event.type == "response.failed":
                failure = event.response.error
                raise _failed(failure and failure.code, failure.message if failure else "it gave no reason.", request_id)
            elif event.type == "error":
                raise _failed(event.code, event.message, request_id)
    raise errors.UnreachableError("OpenAI ended the answer in its middle.")


def responses_payload(request: CompletionRequest) -> dict[str, Any]:
    """A request in the terms of the Responses API; `store=False`, as the API otherwise keeps every answer for 30 days."""
    schema = request.response_schema
    payload = {
        "model": request.model,
        "input": [{"role": turn.role, "content": _responses_content(turn)} for turn in request.turns],
        "store": False,
        "max_output_tokens": request.max_tokens,
        "instructions": request.system,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "reasoning": {"effort": request.reasoning_effort} if request.reasoning_effort is not None else None,
        "text": None if schema is None else {"format": {"type": "json_schema", **_named(schema)}},
    }
    return {name: value for name, value in payload.items() if value is not None}


def responses_completion(response: Response, request_id: str | None) -> Completion:
    """A finished response as a `Completion`."""
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    thoughts = [summary.text for item in response.output if item.type == "reasoning" for summary in item.summary]
    refusals = [part.refusal for part in parts if part.type == "refusal"]
    if refusals:
        raise errors.RefusalError(f"the model declined: {' '.join(refusals)}", request_id=request_id)
    called = any(item.type.endswith("_call") for item in response.output)
    reason = response.incomplete_details.reason if response.incomplete_details else None
    stop_reason: StopReason = "tool_use" if called else "end_turn"
    return core.completion.Completion(
        text="".join(part.text for part in parts if part.type == "output_text"),
        model=response.model,
        stop_reason=stop_reason if response.status == "completed" else _RESPONSES_STOP_REASONS.get(reason, "other"),
        native_stop_reason=reason or response.status,
        usage=_responses_usage(response.usage),
        request_id=request_id,
        auth_mode="api_key",
        reasoning="\n\n".join(thoughts) or None,
    )


def _responses_content(turn: Message) -> str | list[dict[str, Any]]:
    if isinstance(turn.content, str) or turn.role == "assistant":  # the API types an assistant's parts differently
        return turn.text
    return [
        {"type": "input_image", "image_url": part.url, "detail": "auto"}
        if isinstance(part, core.completion.ImagePart)
        else {"type": "input_text", "text": part.text}
        for part in turn.content
    ]


def _responses_usage(usage: ResponseUsage | None) -> Usage:
    if usage is None:
        return core.completion.Usage()
    return core.completion.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=_count(usage.input_tokens_details, "cached_tokens"),
        cache_write_tokens=_count(usage.input_tokens_details, "cache_write_tokens"),
        reasoning_tokens=_count(usage.output_tokens_details, "reasoning_tokens"),
    )


async def _chat(client: AsyncOpenAI, request: CompletionRequest, on_text: OnText, limit: str) -> Completion:
    payload = chat_payload(request, limit)
    async with await client.chat.completions.create(
        **payload, stream=True, stream_options={"include_usage": True}, timeout=None
    ) as stream:
        answer = ChatAnswer(stream.response.headers.get("x-request-id"))
        async for chunk in stream:
            if text := answer.add(chunk):
                on_text(text)
    return answer.completion("api_key")


def chat_payload(request: CompletionRequest, limit: str) -> dict[str, Any]:
    """A request in the terms of Chat Completions.

    Args:
        request: The request.
        limit: The name of the field for `max_tokens`, which compatible servers still know by its old name.
    """
    schema = request.response_schema
    payload = {
        "model": request.model,
        "messages": chat.messages(request),
        limit: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
        "reasoning_effort": request.reasoning_effort,
        "response_format": None if schema is None else {"type": "json_schema", "json_schema": _named(schema)},
    }
    return {name: value for name, value in payload.items() if value is not None}


class ChatAnswer(Answer):
    """Gathers the chunks of a streamed chat completion."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {
        **chat.STOP_REASONS,
        "function_call": "tool_use",
        "content_filter": "content_filter",
    }

    def __init__(self, request_id: str | None) -> None:
        super().__init__(request_id)
        self.refusals: list[str] = []

    def add(self, chunk: ChatCompletionChunk) -> str | None:
        """Takes a chunk in and returns the text it brings."""
        self.model = chunk.model or self.model
        self.usage = _chat_usage(chunk.usage) if chunk.usage else self.usage
        for choice in chunk.choices[:1]:
            self.native_stop_reason = choice.finish_reason or self.native_stop_reason
            self.refusals += [choice.delta.refusal] if choice.delta.refusal else []
            thought = getattr(choice.delta, "reasoning_content", None)  # not OpenAI's, but llama.cpp's and others'
            self.thoughts += [thought] if thought else []
            self.texts += [choice.delta.content] if choice.delta.content else []
            return choice.delta.content
        return None

    def completion(self, auth_mode: str) -> Completion:
        """The whole answer.

        Raises:
            RefusalError: The model declined.
        """
        if self.refusals:
            raise errors.RefusalError(f"the model declined: {''.join(self.refusals)}", request_id=self.request_id)
        return super().completion(auth_mode)


def _chat_usage(usage: CompletionUsage) -> Usage:
    return core.completion.Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=_count(usage.prompt_tokens_details, "cached_tokens"),
        reasoning_tokens=_count(usage.completion_tokens_details, "reasoning_tokens"),
    )


def _count(details: object, name: str) -> int:
    return getattr(details, name, None) or 0


def _named(schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": "answer", "schema": schema, "strict": True}


@contextmanager
def _map_api_errors(base: str) -> Iterator[None]:
    from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

    try:
        yield
    except APITimeoutError as error:
        raise errors.CallTimeoutError("OpenAI was silent for too long.") from error
    except APIConnectionError as error:
        raise errors.UnreachableError(f"nothing answers at {base}, or it hung up.") from error
    except APIStatusError as error:
        said = core.http.quote(error.body if error.body is not None else error.response.text)
        raise core.http.from_response(error.response, said, _error_class(error), param=error.param) from error
    except APIError as error:  # an error event within a stream
        raise _failed(error.code, core.http.quote(error.body or error.message), None) from error


def _error_class(error: APIError) -> type[errors.CompletionError] | None:
    return _BY_CODE.get(error.code or "") or _BY_CODE.get(error.type or "")


def _failed(code: str | None, said: str, request_id: str | None) -> errors.CompletionError:
    cls = _BY_CODE.get(code or "", errors.InvalidRequestError if "image" in (code or "") else errors.ProviderError)
    retryable = code in ("server_error", "rate_limit_exceeded")
    return cls(f"the model failed while it answered: {said}", retryable=retryable, request_id=request_id)
