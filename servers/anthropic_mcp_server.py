"""Serve Claude with an API key, through Anthropic's official SDK.

An API key is the only way. Anthropic's terms do not allow other products to use a Claude Pro or Max login, or the credentials
of its command line (https://code.claude.com/docs/en/legal-and-compliance). Nothing here looks for them.
Sources: https://platform.claude.com/docs/en/api/messages; the types of `anthropic` 2.12.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.anthropic_caching import cached_system
from mcp_models.servers.anthropic_errors import map_api_errors
from mcp_models.servers.anthropic_messages import US_ONLY_SURCHARGE, MessageAnswer
from mcp_models.servers.anthropic_thinking import LEAST_BUDGET, thinking_budget, thinking_of
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.effort import nearest
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar

    import httpx2
    from anthropic import AsyncAnthropic
    from anthropic.types import ModelInfo as ListedModel

    from mcp_models.servers.anthropic_thinking import Thinking
    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import (
        Completion,
        CompletionRequest,
        DocumentPart,
        ImagePart,
        Message,
        ReasoningEffort,
    )
    from mcp_models.servers.core.provider import OnText

BASE_URL = "https://api.anthropic.com"

LOGIN_TOKENS = ("sk-ant-oat", "sk-ant-ort")

MODEL_ALIASES = {
    "haiku": "claude-haiku-4-5-20251001",
    "sonnet": "claude-sonnet-4-6",
    "opus": "claude-opus-4-6",
}

# The SDK sends version 2026-10-21, under which any sampling parameter is refused. This older version still accepts them.
SAMPLING_VERSION = "2023-06-01"

# Claude up to 4.6 accepts a temperature. Newer models refuse one under every version of the API.
_TAKES_TEMPERATURE = r"claude-(3|(haiku|sonnet|opus)-4(-[0-6])?(-\d{8})?$)"

MOST_SEARCHES = 5
"""How often a call may search the web."""

# Without `direct`, the model would search from a program of its own, which Haiku 4.5 refuses to do (mangowhoiscloud/geode#632).
WEB_SEARCH = {
    "type": "web_search_20260318",
    "name": "web_search",
    "max_uses": MOST_SEARCHES,
    "allowed_callers": ["direct"],
}


class Anthropic(Provider):
    """Claude with ANTHROPIC_API_KEY."""

    name = "anthropic"
    title = "Anthropic"
    summary = "Its models are the Claude family, for general use."
    setup = "set ANTHROPIC_API_KEY (https://platform.claude.com/settings/keys)"
    key_variables = ("ANTHROPIC_API_KEY",)
    default_model = "claude-sonnet-4-6"
    aliases = MODEL_ALIASES
    parameters = frozenset({"temperature", "top_p", "stop", "reasoning_effort", "response_schema"})
    native_names = {
        "stop_sequences": "stop",
        "output_config.effort": "reasoning_effort",
        "effort": "reasoning_effort",
        "thinking": "reasoning_effort",
        "output_config.format": "response_schema",
        "output_format": "response_schema",
    }
    price_list: ClassVar[str | None] = "anthropic"
    # Priority is paid for by a contract, so it has no price per token: https://platform.claude.com/docs/en/api/service-tiers.
    service_tiers: ClassVar[dict[str, str]] = {"auto": "auto", "standard": "standard_only"}
    most_surcharge = US_ONLY_SURCHARGE
    package = "anthropic"
    extra = "anthropic"
    takes_documents: ClassVar[bool] = True
    most_searches: ClassVar[int | None] = MOST_SEARCHES
    takes_urls = True

    def check(self) -> None:
        self._key()
        self._base_url()

    def takes_temperature(self, model: str) -> bool:
        return re.match(_TAKES_TEMPERATURE, model) is not None

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return self.thinking(model).efforts

    def ignores(self, model: str) -> set[str]:
        return {"reasoning_effort"} if self.thinking(model).how == "never" else set()

    def searches_web(self) -> bool:
        return True

    def thinking(self, model: str) -> Thinking:
        """Return how a model thinks. Subclasses may override this."""
        return thinking_of(model)

    def address(self) -> str:
        return self._base_url()

    def connect(self) -> AsyncAnthropic:
        key, base = self._key(), self._base_url()
        return sdk_client(key, base, core.http.new_client(base))

    def batch_jobs(self) -> BatchJobs | None:
        from mcp_models.servers.anthropic_batches import AnthropicBatches

        key, base = self._key(), self._base_url()
        http = core.http.new_client(base, for_files=True)
        return AnthropicBatches(self, sdk_client(key, base, http, http.timeout))

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed message."""
        client: AsyncAnthropic = await self.client()
        with self.map_errors():
            async with await client.messages.create(**self.payload(request), stream=True) as stream:
                answer = MessageAnswer(stream.response.headers.get("request-id"))
                async for event in stream:
                    if text := answer.add(event):
                        on_text(text)
        completion = answer.completion(self.auth_mode())
        completion.warnings += [*self._no_room(request), *deprecation(request.model or "")]
        return completion

    def _no_room(self, request: CompletionRequest) -> list[str]:
        """Return a warning if the answer's limit left no room for the thinking that was asked for."""
        effort = request.reasoning_effort
        if (
            effort in (None, "none")
            or self.thinking(request.model or "").how != "budget"
            or thinking_budget(effort, request.limit)
        ):
            return []
        return [f"reasoning_effort: {request.model} did not think, as that takes more than {LEAST_BUDGET:,} of `max_tokens`"]

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that `/v1/models` lists, with their limits and retirement dates."""
        client: AsyncAnthropic = await self.client()
        with self.map_errors():
            return [_model_info(model) async for model in client.models.list(limit=1000)]

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    def payload(self, request: CompletionRequest) -> dict[str, Any]:
        """Translate a request for the Messages API."""
        sampling = {"temperature": request.temperature, "top_p": request.top_p}
        sampling = {name: value for name, value in sampling.items() if value is not None}
        output = {"effort": self._output_effort(request), "format": self._output_format(request)}
        output = {name: value for name, value in output.items() if value is not None}
        payload: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.limit,
            "messages": [{"role": turn.role, "content": self._content(turn)} for turn in request.turns],
            "system": cached_system(request.system, request.model or "") if request.system else None,
            "stop_sequences": request.stop,
            "thinking": self._thinking_config(request),
            "output_config": output or None,
            "service_tier": self.tier_name(request),
            "tools": [WEB_SEARCH] if request.web_search else None,
            "extra_body": sampling or None,
            "extra_headers": {"anthropic-version": SAMPLING_VERSION} if sampling else None,
        }
        return {name: value for name, value in payload.items() if value is not None}

    def _thinking_config(self, request: CompletionRequest) -> dict[str, Any] | None:
        """Return the field `thinking`. If the model thinks anyway, ask to see the text, as that costs nothing extra."""
        thinking, effort = self.thinking(request.model or ""), request.reasoning_effort
        if effort == "none":
            return {"type": thinking.off} if thinking.off else None
        if effort is None and not (thinking.by_default and self._base_url() == BASE_URL):
            return None
        if thinking.how == "adaptive":
            return {"type": "adaptive", "display": "summarized"}
        budget = thinking_budget(effort, request.limit)
        return {"type": "enabled", "budget_tokens": budget} if budget else None

    def _output_effort(self, request: CompletionRequest) -> str | None:
        sends, effort = self.thinking(request.model or "").sends_effort, request.reasoning_effort
        return nearest(effort, sends) if sends and effort not in (None, "none") else None

    def _output_format(self, request: CompletionRequest) -> dict[str, Any] | None:
        if request.response_schema is None:
            return None
        from anthropic import transform_schema

        from mcp_models.servers.core.json_schema import Dialect, translate

        return {"type": "json_schema", "schema": transform_schema(translate(request.response_schema, Dialect(closed=True)))}

    def auth_mode(self) -> str:
        """Return how calls are paid for."""
        return "api_key"

    def _content(self, turn: Message) -> str | list[dict[str, Any]]:
        if isinstance(turn.content, str):
            return turn.content
        return [
            {"type": "text", "text": part.text}
            if isinstance(part, core.completion.TextPart)
            else {"type": _kind(part), "source": self._source(part)}
            for part in turn.content
        ]

    def _source(self, part: ImagePart | DocumentPart) -> dict[str, str]:
        if self.takes_urls and part.url.startswith("https://"):
            return {"type": "url", "url": part.url}
        media_type, data = core.http.data_uri(part.url, self.title, _kind(part))
        return {"type": "base64", "media_type": media_type, "data": data}

    def has_list_prices(self) -> bool:
        return self.price_list is not None and self._base_url() == BASE_URL

    def _key(self) -> str:
        key = settings.key(self.env, "ANTHROPIC_API_KEY", f"{self.setup}.")
        if key.startswith(LOGIN_TOKENS):
            raise errors.ConfigurationError(f"ANTHROPIC_API_KEY holds the token of a login, which is no API key: {self.setup}.")
        return key

    def _base_url(self) -> str:
        return settings.base_url(self.env, "ANTHROPIC_BASE_URL", BASE_URL)

    @contextmanager
    def map_errors(self) -> Iterator[None]:
        """Turn what the SDK and its HTTP client raise into a `CompletionError`."""
        base = self._base_url()
        with map_api_errors(base), core.http.map_transport_errors(base, "Check ANTHROPIC_BASE_URL."):
            yield


def _kind(part: ImagePart | DocumentPart) -> str:
    return "image" if isinstance(part, core.completion.ImagePart) else "document"


def sdk_client(key: str, base: str, http: httpx2.AsyncClient, timeout: httpx2.Timeout | None = None) -> AsyncAnthropic:
    """Return the SDK's client.

    Args:
        key: The key. Passing it keeps the SDK from looking for other credentials.
        base: The server's address.
        http: The HTTP client.
        timeout: How long to wait. None, as a call has its own deadline.
    """
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(api_key=key, base_url=base, max_retries=0, timeout=timeout, http_client=http, open_telemetry=False)


def _model_info(model: ListedModel) -> ModelInfo:
    return core.catalogue.ModelInfo(
        id=model.id,
        context_tokens=model.max_input_tokens,
        max_output_tokens=model.max_tokens,
        retires_at=model.retires_at.date().isoformat() if model.retires_at else None,
    )


def deprecation(model: str) -> list[str]:
    """Return a warning if the SDK knows that a model will be retired."""
    from anthropic.resources import messages

    date = getattr(messages, "DEPRECATED_MODELS", {}).get(model)
    return [f"{model} is deprecated; Anthropic retires it on {date}"] if date else []


def main() -> None:
    """Serve on stdin and stdout."""
    serve(Anthropic())


if __name__ == "__main__":
    main()
