"""Serve Mistral with an API key for La Plateforme, through the official SDK. A Le Chat Pro subscription has no such key.

Sources: https://docs.mistral.ai/api/endpoint/chat; the types of `mistralai` 3.7.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.core import chat, errors, settings
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

    import httpx2
    from mistralai.client import Mistral as Client
    from mistralai.client.errors import MistralError
    from mistralai.client.models import ChatCompletionResponse, CompletionChunk, UsageInfo

    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort, StopReason, Usage
    from mcp_models.servers.core.provider import OnText, Price

BASE_URL = "https://api.mistral.ai"

FOREVER_MS = 10**9

MODEL_ALIASES = {
    "small": "mistral-medium-latest",
    "medium": "mistral-large-2411",
    "mini": "ministral-3b",
    "code": "codestral-2508",
    "devstral": "devstral-2",
}

# These are retired, or were never names in the API. Source: https://docs.mistral.ai/getting-started/models, August 2026.
SUCCESSORS = {
    "mistral-large-2411": "mistral-large-latest",
    "ministral-3b": "ministral-3b-latest",
    "devstral-2": "mistral-medium-3-5",
}

# genai-prices 0.2.3 still has the prices of retired models with these names. Source: https://mistral.ai/pricing.
PRICE_CORRECTIONS: dict[str, Price | None] = {
    "mistral-large-latest": (0.5, 1.5),
    "mistral-large-2512": (0.5, 1.5),
    "ministral-3b-latest": None,
    "ministral-3b-2512": None,
    "mistral-large-4": None,  # since October 2026, sources disagree
}

# Matched by the beginning of a model's name. For any other model we send what the caller asked for. Sources: refusals of other
# efforts, and https://docs.mistral.ai (adjustable reasoning; its OpenAPI document lists high and none for `reasoning_effort`).
_EFFORTS: tuple[tuple[str, tuple[ReasoningEffort, ...]], ...] = (
    (r"mistral-large-4", ("none", "low", "medium", "high")),
    (r"mistral-(small|medium)", ("none", "high")),
)
_WITHOUT_EFFORT = r"magistral|codestral|devstral|ministral|mistral-large-(latest|2)"

DEPRECATION_HEADER = "x-model-deprecation-timestamp"


class Mistral(Provider):
    """Mistral with MISTRAL_API_KEY."""

    name = "mistral"
    title = "Mistral"
    semantic_name = "mistral_ai"
    summary = "Its models are general-purpose, some made for code."
    setup = "set MISTRAL_API_KEY (https://console.mistral.ai/api-keys)"
    key_variables = ("MISTRAL_API_KEY",)
    default_model = "mistral-medium-latest"
    aliases = MODEL_ALIASES
    successors = SUCCESSORS
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {"random_seed": "seed", "response_format": "response_schema", "prompt_cache_key": "cache_key"}
    price_list = "mistral"
    takes_documents = True
    documents_cost_extra = True  # its OCR reads them, and no page says whether that is free in a chat
    service_tiers = {"auto": "auto", "standard": "standard_only"}
    tiers_that_may_serve = {"auto": ("standard", "priority")}
    tier_factors = {"priority": (1.75, 1.75)}  # https://docs.mistral.ai/inference/priority-tier
    price_corrections = PRICE_CORRECTIONS
    model_variables = ("MISTRAL_MODEL", "MODEL_DEFAULT")
    package = "mistralai"
    extra = "mistral"

    def check(self) -> None:
        settings.key(self.env, "MISTRAL_API_KEY", f"{self.setup}.")
        self._base_url()

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return next((efforts for pattern, efforts in _EFFORTS if re.match(pattern, model)), ())

    def takes_cache_key(self, model: str) -> bool:  # noqa: ARG002
        """Return True: writes to the cache are free, and reads cost a tenth (https://docs.mistral.ai, prompt caching)."""
        return True

    def ignores(self, model: str) -> set[str]:
        """Return the effort for models that ignore it. Magistral always decides for itself, and the others never think."""
        return {"reasoning_effort"} if re.match(_WITHOUT_EFFORT, model) else set()

    def address(self) -> str:
        return self._base_url()

    def batch_jobs(self) -> BatchJobs:
        from mcp_models.servers.mistral_batches import MistralBatchJobs

        return MistralBatchJobs(self, self.connect(for_files=True))

    def connect(self, *, for_files: bool = False) -> Client:
        key, base = settings.key(self.env, "MISTRAL_API_KEY", f"{self.setup}."), self._base_url()
        import httpx2
        from mistralai.client import Mistral as Client

        # The SDK also wants a synchronous client, and creates an expensive one if it does not get any.
        unused = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(500)))
        http = core.http.new_client(base, for_files=for_files)
        http.event_hooks["response"].append(_keep_deprecation)
        # Without a number, the SDK gives up after 300 s of silence. We have our own deadline for the call.
        forever = FOREVER_MS
        return Client(api_key=key, server_url=base, client=unused, async_client=http, timeout_ms=forever)

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed chat completion."""
        client: Client = await self.client()
        with self.map_errors():
            async with await client.chat.stream_async(**payload(request, self.tier_name(request))) as stream:
                answer = ChatAnswer(_request_id(stream.response.headers))
                async for event in stream:
                    if text := answer.add(event.data):
                        on_text(text)
                completion = answer.completion("api_key")
                if date := stream.response.extensions.get(DEPRECATION_HEADER):
                    completion.warnings.append(f"{completion.model} is deprecated; Mistral retires it at {date}")
        if request.documents:
            completion.warnings.append("reading documents: what Mistral may charge for it is not in the cost")
        return completion

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that `/v1/models` lists, including aliases."""
        client: Client = await self.client()
        with self.map_errors():
            listed = await client.models.list_async()
        return [_model_info(model.model_dump()) for model in listed.data or []]

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.sdk_configuration.async_client.aclose()

    def has_list_prices(self) -> bool:
        return self._base_url() == BASE_URL

    def _base_url(self) -> str:
        """Return the address without `/v1`, because the SDK adds that itself."""
        return settings.base_url(self.env, "MISTRAL_BASE_URL", BASE_URL).removesuffix("/v1")

    @contextmanager
    def map_errors(self) -> Iterator[None]:
        """Turn the SDK's exceptions into errors of ours."""
        from mistralai.client.errors import MistralError, NoResponseError

        base = self._base_url()
        with core.http.map_transport_errors(base, "Check MISTRAL_BASE_URL and the network."):
            try:
                yield
            except MistralError as error:
                raise _failure(error) from error
            except NoResponseError as error:
                raise errors.UnreachableError(f"{base} did not answer.") from error


def payload(request: CompletionRequest, tier: str | None = None) -> dict[str, Any]:
    """Translate a request for the SDK.

    Args:
        request: The request.
        tier: Mistral's name for the service tier.
    """
    schema = request.response_schema
    payload = {
        "model": request.model,
        "messages": _messages(request),
        "max_tokens": request.limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "random_seed": request.seed,
        "reasoning_effort": request.reasoning_effort,
        "service_tier": tier,
        "prompt_cache_key": request.cache_key,
        "response_format": None if schema is None else _response_format(schema),
    }
    return {name: value for name, value in payload.items() if value is not None}


def _messages(request: CompletionRequest) -> list[dict[str, Any]]:
    """Return the messages. If the last one is the assistant's, mark it as the beginning of the answer."""
    messages = chat.messages(request, lambda part: {"type": "document_url", "document_url": part.url})
    if messages[-1]["role"] == "assistant":
        messages[-1]["prefix"] = True
    return messages


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as a response format. It is strict if all objects can be closed, as in the SDK's pydantic helper."""
    from mcp_models.servers.core.json_schema import Dialect, InexpressibleError, translate

    try:
        named = {"name": "answer", "schema_definition": translate(schema, Dialect(closed=True)), "strict": True}
    except InexpressibleError:
        named = {"name": "answer", "schema_definition": translate(schema, Dialect()), "strict": False}
    return {"type": "json_schema", "json_schema": named}


class ChatAnswer(StreamAccumulator):
    """Collect the chunks of a streamed chat completion."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {**chat.STOP_REASONS, "model_length": "max_tokens"}

    def add(self, chunk: CompletionChunk | ChatCompletionResponse) -> str:
        """Add a chunk, or a whole answer that is not streamed, and return the text in it.

        Raises:
            ProviderError: The model failed.
        """
        self.model = chunk.model or self.model
        if chunk.usage:
            self.usage = _usage(chunk.usage)
            self.service_tier = chunk.usage.service_tier or self.service_tier
        text = ""
        for choice in chunk.choices[:1]:
            # If the SDK does not know the reason, it is not a plain string.
            self.native_stop_reason = str(choice.finish_reason or self.native_stop_reason)
            said: Any = getattr(choice, "delta", None) or getattr(choice, "message", None)
            content = said.content
            text = content if isinstance(content, str) else "".join(map(self._chunk_text, content or ()))
        if self.native_stop_reason == "error":
            raise errors.ProviderError("the model failed while it answered.", retryable=True, request_id=self.request_id)
        if text:
            self.texts.append(text)
        return text

    def _chunk_text(self, chunk: Any) -> str:
        """Return the text of a piece of content. Thinking is collected separately."""
        if chunk.type == "thinking":
            self.thoughts += [thought.text for thought in chunk.thinking if thought.type == "text"]
            return ""
        return chunk.text if chunk.type == "text" else ""


def _usage(usage: UsageInfo) -> Usage:
    """Convert the usage. The count of cached tokens has one of three names."""
    extra = usage.additional_properties or {}
    details = extra.get("prompt_tokens_details") or extra.get("prompt_token_details") or {}
    return core.completion.Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cache_read_tokens=details.get("cached_tokens") or extra.get("num_cached_tokens") or 0,
    )


def _model_info(model: dict[str, Any]) -> ModelInfo:
    from datetime import datetime

    date: datetime | str | None = model.get("deprecation")
    retires_at = date.date().isoformat() if isinstance(date, datetime) else date
    return core.catalogue.ModelInfo(id=model["id"], context_tokens=model.get("max_context_length"), retires_at=retires_at)


def _request_id(headers: httpx2.Headers) -> str | None:
    return headers.get("x-request-id") or headers.get("mistral-correlation-id")


async def _keep_deprecation(response: httpx2.Response) -> None:
    """Remove the deprecation header, as the SDK's own hook for it (3.7) breaks every streamed answer that has one."""
    if DEPRECATION_HEADER in response.headers:
        response.extensions[DEPRECATION_HEADER] = response.headers.pop(DEPRECATION_HEADER)


def _failure(error: MistralError) -> errors.CompletionError:
    """Return our error for a refusal, which is `{"message", "type"}`, or `{"detail": [{"loc", "msg"}]}` with status 422."""
    try:
        body = json.loads(error.body)
    except ValueError:
        body = None
    if error.status_code < 400:  # the SDK could not understand a successful answer
        return errors.ProviderError("it answered with something it never should.", status=error.status_code)
    details: dict[str, Any] = {"request_id": _request_id(error.headers)}
    said = core.http.quote(error.body)
    cls: type[errors.CompletionError] | None = None
    if isinstance(body, dict):
        rows = body.get("detail")
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            details["param"] = str((rows[0].get("loc") or [""])[-1])
            said = f"{details['param']}: {rows[0].get('msg')}"
        if body.get("type") == "invalid_model":
            cls = errors.ModelNotFoundError
        elif "too large for model" in said or "context length" in said:
            cls = errors.ContextLengthError
    return core.http.from_response(error.raw_response, said, cls, **details)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(Mistral())


if __name__ == "__main__":
    main()
