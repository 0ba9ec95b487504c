"""Ask OpenAI's API with a key, or a compatible server, through the official SDK.

The Responses API is OpenAI's primary one, so it is used by default (`openai_responses.py`). Chat Completions are used for
requests with `stop` or `seed`, which the Responses API lacks, and for any other OPENAI_BASE_URL, as few compatible servers
have the Responses API (`openai_chat.py`). You can override this with OPENAI_WIRE_API.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.provider import Provider

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from openai import APIError, APIStatusError, AsyncOpenAI

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.settings import Environment

BASE_URL = "https://api.openai.com/v1"

OPENAI_HOST, AZURE_HOST = ".api.openai.com", ".openai.azure.com"

# Compatible servers know the answer's limit by its old name. OpenAI's reasoning models refuse that name.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"

LEAST_OUTPUT_TOKENS = 16
"""The smallest `max_output_tokens` that the Responses API accepts."""

# Families that accept any temperature. Newer ones refuse it, or accept it only without reasoning.
_TAKES_TEMPERATURE = ("gpt-3.5", "gpt-4", "chatgpt-4o")

_THREE: tuple[ReasoningEffort, ...] = ("low", "medium", "high")
_FOUR: tuple[ReasoningEffort, ...] = (*_THREE, "xhigh")
_FIVE: tuple[ReasoningEffort, ...] = (*_FOUR, "max")

# The first pattern that matches the beginning of a model's name counts. Sources: OpenAI's deployment checklist and model pages,
# and live probes by others, July to November 2026.
_EFFORTS: tuple[tuple[str, tuple[ReasoningEffort, ...]], ...] = (
    (r"gpt-5\.\d-chat|o\d(-mini)?-deep-research|computer-use", ("medium",)),
    (r"o\d", _THREE),
    (r"gpt-5-pro", ("high",)),
    (r"gpt-5-codex|gpt-5\.1-codex(?!-max)", _THREE),
    (r"gpt-5\.\d-codex", _FOUR),
    (r"gpt-5\.\d-pro", ("medium", "high", "xhigh")),
    (r"gpt-5\.1", ("none", *_THREE)),
    (r"gpt-5\.[2-5]", ("none", *_FOUR)),
    (r"gpt-5\.6", ("none", *_FIVE)),
    (r"gpt-5", ("minimal", *_THREE)),
    (r"gpt-6\.2", _FOUR),
    (r"gpt-6(\.1-sol|-astra)", _FIVE),
    (r"gpt-6", ("none", *_FIVE)),
)
_WITHOUT_EFFORT = r"gpt-3\.5|gpt-4|chatgpt-4o|gpt-5-chat|o1-(mini|preview)"

# Models that are not available in Chat Completions. Source: `ResponsesModel` in the SDK.
_ONLY_RESPONSES = (
    r"o[13]-pro|o[34](-mini)?-deep-research|computer-use-preview|gpt-5(\.[45])?-pro|gpt-5-codex|gpt-5\.1-codex-max"
    r"|gpt-daybreak|gpt-[56].*-cyber|gpt-(6-)?rosalind|gpt-6\.2-astra-law"
)

# Codes and types that say more than the HTTP status does, or that occur in a stream, which has no status of its own.
_BY_CODE: dict[str, type[errors.CompletionError]] = {
    "insufficient_quota": errors.BillingError,
    "billing_hard_limit_reached": errors.BillingError,
    "exceeded_current_quota_error": errors.BillingError,  # Moonshot
    "1113": errors.BillingError,  # Z.ai
    "invalid_api_key": errors.AuthenticationError,
    "model_not_found": errors.ModelNotFoundError,
    "context_length_exceeded": errors.ContextLengthError,
    "content_filter": errors.ContentFilterError,  # Azure
    "content_policy_violation": errors.ContentFilterError,
    "invalid_prompt": errors.ContentFilterError,
    "bio_policy": errors.ContentFilterError,
    "image_content_policy_violation": errors.ContentFilterError,
    "misalignment_policy_violation": errors.ContentFilterError,
    "rate_limit_exceeded": errors.RateLimitError,
    "engine_overloaded_error": errors.OverloadedError,  # Moonshot
    "exceed_context_size_error": errors.ContextLengthError,
}

# Messages of LiteLLM, a gateway whose codes say nothing.
_BY_TEXT: tuple[tuple[str, type[errors.CompletionError]], ...] = (
    ("ContextWindowExceededError", errors.ContextLengthError),
    ("Invalid model name passed", errors.ModelNotFoundError),
)

_PASSING = ("server_error", "internal_server_error", "api_error")


class OpenAIAPI(Provider):
    """OpenAI with OPENAI_API_KEY, or a compatible server at OPENAI_BASE_URL. A subclass adds the ChatGPT login."""

    name = "openai"
    title = "OpenAI"
    summary = "Its models are general-purpose; most of them reason before they answer."
    default_model = "gpt-5.2"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {
        "reasoning": "reasoning_effort",
        "reasoning.effort": "reasoning_effort",
        "reasoningEffort": "reasoning_effort",
        "thinking": "reasoning_effort",
        "text.format": "response_schema",
        "response_format": "response_schema",
        "response_format.type": "response_schema",
        "response format": "response_schema",
    }
    price_list = "openai"
    package = "openai"
    extra = "openai"
    setup = "set OPENAI_API_KEY (https://platform.openai.com/api-keys)"
    key_variables = ("OPENAI_API_KEY",)

    def __init__(self, env: Environment | None = None) -> None:
        super().__init__(env)
        self._limit = OLD_LIMIT

    def check(self) -> None:
        settings.key(self.env, "OPENAI_API_KEY", f"{self.setup}.")
        self._base_url()

    def takes_temperature(self, model: str) -> bool:
        return not self._is_openais() or model.startswith(_TAKES_TEMPERATURE)

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        known = next((efforts for pattern, efforts in _EFFORTS if re.match(pattern, model)), ())
        return known if self._is_openais() else ()

    def ignores(self, model: str) -> set[str]:
        """Return parameters that one of OpenAI's own models is known to lack, to save a request that it would refuse."""
        if not self._is_openais():
            return set()
        if re.match(_WITHOUT_EFFORT, model):
            return {"reasoning_effort"}
        return {"stop", "seed"} if re.match(_ONLY_RESPONSES, model) else set()

    def address(self) -> str | None:
        return self._base_url()

    def connect(self) -> AsyncOpenAI:
        key = settings.key(self.env, "OPENAI_API_KEY", f"{self.setup}.")
        from openai import AsyncOpenAI

        base = self._base_url()
        client = AsyncOpenAI(api_key=key, base_url=base, max_retries=0, http_client=core.http.new_client(base))
        if not self._is_at(OPENAI_HOST):  # the SDK reads these from the environment, and they may be secrets
            client.organization = client.project = None
            client._custom_headers = {}
        return client

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed response."""
        client: AsyncOpenAI = await self.client()
        from openai import BadRequestError

        from mcp_models.servers.openai_chat import complete_chat
        from mcp_models.servers.openai_responses import respond

        strict_format = None if request.response_schema is None else _strict_format(request.response_schema)
        with self._map_errors():
            if self._wire_api(request) == "responses":
                request, warnings = self._with_least_limit(request)
                completion = await respond(client, request, on_text, strict_format, _failed)
                completion.warnings += warnings
                return completion
            limit = NEW_LIMIT if self._is_openais() else self._limit
            try:
                return await complete_chat(client, request, on_text, limit, strict_format, _failed)
            except BadRequestError as error:
                if limit == NEW_LIMIT or NEW_LIMIT not in error.message:
                    raise
                self._limit = NEW_LIMIT  # it is a gateway to OpenAI's own reasoning models
                return await complete_chat(client, request, on_text, NEW_LIMIT, strict_format, _failed)

    async def list_models(self) -> list[ModelInfo]:
        """Return the models in `/models`, with their shutdown dates if they have one. Together returns a bare list."""
        client: AsyncOpenAI = await self.client()
        import httpx2

        with self._map_errors():
            body = (await client.get("/models", cast_to=httpx2.Response, options={"timeout": None})).json()
            return [_model_info(model) for model in (body if isinstance(body, list) else body["data"])]

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    def has_list_prices(self) -> bool:
        return self._is_at(OPENAI_HOST)

    def _base_url(self) -> str:
        return settings.base_url(self.env, "OPENAI_BASE_URL", BASE_URL)

    def _is_openais(self) -> bool:
        """Return whether OpenAI's own models answer, either at OpenAI's hosts or at Azure's."""
        return self._is_at(OPENAI_HOST) or self._is_at(AZURE_HOST)

    def _is_at(self, domain: str) -> bool:
        from urllib.parse import urlsplit

        return f".{urlsplit(self._base_url()).hostname}".endswith(domain)

    def _wire_api(self, request: CompletionRequest) -> str:
        """Return `responses` or `chat`. OPENAI_WIRE_API decides, unless the request allows only one of them."""
        if self._is_openais() and re.match(_ONLY_RESPONSES, request.model or ""):
            return "responses"
        if request.stop is not None or request.seed is not None:
            return "chat"
        if self._is_openais() and request.limit < LEAST_OUTPUT_TOKENS:
            return "chat"
        chosen = self.env.get("OPENAI_WIRE_API") or ("responses" if self._is_openais() else "chat")
        if chosen not in ("responses", "chat"):
            raise errors.ConfigurationError(f"OPENAI_WIRE_API: expected `responses` or `chat`, got {chosen!r}.")
        return chosen

    def _with_least_limit(self, request: CompletionRequest) -> tuple[CompletionRequest, list[str]]:
        """Raise the limit to the least that the Responses API accepts. Return the request, and a warning if it changed."""
        if not self._is_openais() or request.limit >= LEAST_OUTPUT_TOKENS:
            return request, []
        from msgspec.structs import replace

        warning = f"max_tokens: {request.model} takes {LEAST_OUTPUT_TOKENS} at the least, so that was sent"
        return replace(request, max_tokens=LEAST_OUTPUT_TOKENS), [warning]

    @contextmanager
    def _map_errors(self) -> Iterator[None]:
        base = self._base_url()
        with _map_api_errors(base), core.http.map_transport_errors(base, "Check OPENAI_BASE_URL and the network."):
            yield


def _model_info(model: dict[str, Any]) -> ModelInfo:
    shutdown = model.get("shutdown_date")
    return core.catalogue.ModelInfo(id=model["id"], retires_at=str(shutdown) if shutdown else None)


def _strict_format(schema: dict[str, Any]) -> dict[str, Any]:
    """Translate the schema into the dialect of `strict`. If that cannot express it, return it unchanged and not strict.

    The SDK's own transformer is for pydantic types only, and makes optional properties required without making them nullable.
    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas.
    """
    from mcp_models.servers.core.json_schema import Dialect, InexpressibleError, translate

    keywords = {"pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    strict = Dialect(
        keywords=frozenset({*keywords, "minItems", "maxItems"}),
        formats=frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
        closed=True,
        all_required=True,
        object_root=True,
    )
    try:
        return {"name": "answer", "schema": translate(schema, strict), "strict": True}
    except InexpressibleError:
        return {"name": "answer", "schema": translate(schema, Dialect(object_root=True)), "strict": False}


@contextmanager
def _map_api_errors(base: str) -> Iterator[None]:
    from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

    try:
        yield
    except APITimeoutError as error:
        raise errors.CallTimeoutError("OpenAI was silent for too long.") from error
    except APIConnectionError as error:
        raise core.http.connection_error(error, base) from error
    except APIStatusError as error:
        raise _refused(error) from error
    except APIError as error:  # this is an error event within a stream
        code = error.code if error.code is not None else error.type
        raise _failed(None if code is None else str(code), core.http.quote(error.body or error.message), None) from error


def _refused(error: APIStatusError) -> errors.CompletionError:
    said = core.http.quote(error.body if error.body is not None else error.response.text)
    return core.http.from_response(error.response, said, _error_class(error, said), param=error.param)


def _error_class(error: APIError, said: str) -> type[errors.CompletionError] | None:
    by_text = next((cls for words, cls in _BY_TEXT if words in said), None)
    return _BY_CODE.get(str(error.code)) or _BY_CODE.get(str(error.type)) or by_text


def _failed(code: str | None, said: str, request_id: str | None) -> errors.CompletionError:
    """Return the error for a failure within a stream. Its code may be an HTTP status."""
    message = f"the model failed while it answered: {said}"
    cls = _BY_CODE.get(code or "") or next((cls for words, cls in _BY_TEXT if words in said), None)
    if cls is None and code and code.isdecimal() and 400 <= int(code) < 600:
        return errors.from_status(int(code), message, request_id=request_id)
    if cls is None:
        cls = errors.InvalidRequestError if "image" in (code or "") else errors.ProviderError
    return cls(message, retryable=cls.may_be_retried or code in _PASSING, request_id=request_id)
