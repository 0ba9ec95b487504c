"""Define `OpenAICompatible`: a server that speaks OpenAI's API, asked through the official SDK.

It holds what OpenAI's own API and every other that speaks it have in common: the SDK's client, the list of models, failures as
errors of ours. The class attributes say how a server's Chat Completions differ from OpenAI's; `openai_chat.py` reads them.
"""

from __future__ import annotations

from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.provider import Provider

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, ClassVar

    from openai import APIError, APIStatusError, AsyncOpenAI

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import StopReason

# Codes and types that say more than their HTTP status does, or stand in a stream that has none; by the names of our own types.
_ERRORS = {
    "insufficient_quota": "billing",
    "billing_hard_limit_reached": "billing",
    "exceeded_current_quota_error": "billing",  # Moonshot
    "1113": "billing",  # Z.ai
    "invalid_api_key": "authentication",
    "model_not_found": "model_not_found",
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",  # Azure
    "content_policy_violation": "content_filter",
    "invalid_prompt": "content_filter",
    "bio_policy": "content_filter",
    "image_content_policy_violation": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "rate_limit_exceeded": "rate_limit",
    "engine_overloaded_error": "overloaded",  # Moonshot
    "resource_unavailable": "overloaded",  # OpenAI has no capacity for `flex`
    "exceed_context_size_error": "context_length",
}

# What servers say where their codes say nothing: vLLM and those that run it; LiteLLM.
_ERRORS_BY_TEXT = {
    "maximum context length": "context_length",
    "ContextWindowExceededError": "context_length",
    "Invalid model name passed": "model_not_found",
    "Resource Unavailable": "overloaded",
}

_PASSING = ("server_error", "internal_server_error", "api_error")

# A model's limits, by the names that lists of models have for them: OpenRouter and Together, Groq, vLLM.
_CONTEXT_FIELDS = ("context_length", "context_window", "max_model_len")
_OUTPUT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_output_length")


class OpenAICompatible(Provider):
    """A server that speaks OpenAI's API."""

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
    package = "openai"
    extra = "openai"

    own_url: ClassVar[str]
    """The provider's own address, up to the part that all paths begin with."""

    url_variable: ClassVar[str]
    """The environment variable that may hold another address."""

    headers: ClassVar[Mapping[str, str]] = {}
    """Headers of every request."""

    request_id_header: ClassVar[str] = "x-request-id"
    """The header with the provider's identifier of a request."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {}
    """The provider's words for the end of an answer, besides OpenAI's."""

    error_types: ClassVar[Mapping[str, str]] = {}
    """Which type of error a code, type or stop reason of the provider's is; a key with spaces is sought in the message."""

    cost: ClassVar[tuple[str, float] | None] = None
    """The field of `usage` that tells what a call cost, and the dollars that one of its units is."""

    output_excludes_reasoning: ClassVar[bool] = False
    """Whether `completion_tokens` leaves the tokens of the thinking out."""

    def check(self) -> None:
        self.key()
        self.base_url()

    def key(self) -> str:
        """Return the key: the first of `key_variables` that is set.

        Raises:
            ConfigurationError: None is set, or it is no key.
        """
        variables = self.key_variables
        variable = next((name for name in variables if self.env.get(name, "").strip()), variables[0])
        return settings.key(self.env, variable, f"{self.setup}.")

    def base_url(self) -> str:
        """Return the address.

        Raises:
            ConfigurationError: The variable for it holds no URL.
        """
        return settings.base_url(self.env, self.url_variable, self.own_url)

    def address(self) -> str | None:
        return self.base_url()

    def sends_openais_headers(self) -> bool:
        """Return whether the headers that the SDK takes from the environment are meant for this server."""
        return False

    def connect(self, *, for_files: bool = False) -> AsyncOpenAI:
        key = self.key()
        from openai import AsyncOpenAI

        base = self.base_url()
        http = core.http.new_client(base, for_files=for_files)
        client = AsyncOpenAI(api_key=key, base_url=base, max_retries=0, http_client=http)
        if not self.sends_openais_headers():  # they may hold credentials
            client.organization = client.project = None
            client._custom_headers = dict(self.headers)
        return client

    async def list_models(self) -> list[ModelInfo]:
        """Return what `/models` lists, with the date of a shutdown where one is set. Together lists without an envelope."""
        client: AsyncOpenAI = await self.client()
        import httpx2

        with self.map_errors():
            body = (await client.get("/models", cast_to=httpx2.Response, options={"timeout": None})).json()
            return [_model_info(model) for model in (body if isinstance(body, list) else body["data"])]

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    @contextmanager
    def map_errors(self) -> Iterator[None]:
        """Turn the SDK's exceptions into errors of ours."""
        base = self.base_url()
        with self._map_api_errors(base), core.http.map_transport_errors(base, f"Check {self.url_variable} and the network."):
            yield

    def failure(self, code: str | None, said: str, request_id: str | None) -> errors.CompletionError:
        """Return the error for a failure within a stream, whose code may be an HTTP status."""
        message = f"the model failed while it answered: {said}"
        cls = self._error_class((code,), said)
        if cls is None and code and code.isdecimal() and 400 <= int(code) < 600:
            return errors.from_status(int(code), message, request_id=request_id)
        if cls is None:
            cls = errors.InvalidRequestError if "image" in (code or "") else errors.ProviderError
        return cls(message, retryable=cls.may_be_retried or code in _PASSING, request_id=request_id)

    @contextmanager
    def _map_api_errors(self, base: str) -> Iterator[None]:
        from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

        try:
            yield
        except APITimeoutError as error:
            raise errors.CallTimeoutError(f"{self.title} was silent for too long.") from error
        except APIConnectionError as error:
            raise core.http.connection_error(error, base) from error
        except APIStatusError as error:
            raise self._refusal(error) from error
        except APIError as error:  # an error event within a stream
            code = error.code if error.code is not None else error.type
            said = core.http.quote(error.body or error.message)
            raise self.failure(None if code is None else str(code), said, None) from error

    def _refusal(self, error: APIStatusError) -> errors.CompletionError:
        said = core.http.quote(error.body if error.body is not None else error.response.text)
        details: dict[str, Any] = {"param": error.param}
        if request_id := error.response.headers.get(self.request_id_header):
            details["request_id"] = request_id
        return core.http.from_response(error.response, said, self._error_class(_names(error), said), **details)

    def _error_class(self, names: tuple[str | None, ...], said: str) -> type[errors.CompletionError] | None:
        """Return the class for a code or a type, or else for what was said; the provider's own words count first."""
        by_name = {**_ERRORS, **self.error_types}
        found = next((by_name[name] for name in names if name in by_name), None)
        if found is None:
            by_text = {**_ERRORS_BY_TEXT, **{words: kind for words, kind in self.error_types.items() if " " in words}}
            found = next((kind for words, kind in by_text.items() if words in said), None)
        return errors.ERROR_TYPES[found] if found else None


def _names(error: APIError) -> tuple[str, ...]:
    return str(error.code), str(error.type)


def _model_info(model: dict[str, Any]) -> ModelInfo:
    shutdown, top = model.get("shutdown_date"), model.get("top_provider") or {}  # OpenRouter's
    return core.catalogue.ModelInfo(
        id=model["id"],
        context_tokens=_first_number(model, _CONTEXT_FIELDS),
        max_output_tokens=_first_number(model, _OUTPUT_FIELDS) or _first_number(top, _OUTPUT_FIELDS),
        retires_at=str(shutdown) if shutdown else None,
    )


def _first_number(fields: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), int) and fields[name] > 0), None)


def strict_format(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema in the dialect that `strict` takes, or as it is and not strict where that dialect cannot say it.

    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. The SDK's own transformer is for
    pydantic types only, and makes optional properties required without making them nullable.
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
