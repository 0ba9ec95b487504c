"""Serve Gemini through Google AI Studio's own REST API, `v1beta`.

We do not use the official SDK: it weighs 17 MB, sends more than one request for a long answer, and we need just one POST and
one GET. Sources: https://ai.google.dev/api/generate-content, …/models.
"""

from __future__ import annotations

import re

from mcp_models.servers import core
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    import httpx2

    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import (
        Citation,
        Completion,
        CompletionRequest,
        DocumentPart,
        ImagePart,
        Message,
        ReasoningEffort,
        StopReason,
        Usage,
    )
    from mcp_models.servers.core.provider import OnText

BASE_URL = "https://generativelanguage.googleapis.com"
TIER_HEADER = "x-gemini-service-tier"
CURE = "Check GOOGLE_GEMINI_BASE_URL and the network."

# The first pattern that matches the beginning of a model's name counts. Sources:
# https://ai.google.dev/gemini-api/docs/thinking, the guides to Gemini 3.8 Flash and Gemini 4, and `ThinkingLevel` of
# google-genai 3.4.
_EFFORTS: tuple[tuple[str, tuple[ReasoningEffort, ...]], ...] = (
    (r"gemini-2\.5-pro", ("low", "medium", "high")),
    (r"gemini-2\.5", ("none", "low", "medium", "high")),
    (r"gemini-3-pro", ("low", "high")),
    (r"gemini-(3-flash|3\.[156]-flash)", ("minimal", "low", "medium", "high")),
    (r"gemini-4-(hydrogen|neon)", ("low", "medium", "high", "xhigh")),
    (r"gemini-[3-9]", ("low", "medium", "high")),
    (r"gemma-4", ("minimal", "high")),
)

# Gemini 2.5 expects a number of tokens instead of a level: https://ai.google.dev/gemini-api/docs/openai#thinking.
_BUDGETS: dict[ReasoningEffort, int] = {"none": 0, "low": 1024, "medium": 8192, "high": 24576}

# What `responseJsonSchema` accepts: https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
_SCHEMA_KEYWORDS = frozenset({"format", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "additionalProperties"})


class GoogleAIStudio(Provider):
    """Gemini with GOOGLE_API_KEY or GEMINI_API_KEY."""

    name = "google_ai_studio"
    title = "Google AI Studio"
    semantic_name = "gcp.gemini"
    summary = "Its models are the Gemini family, for general use."
    setup = "set GOOGLE_API_KEY or GEMINI_API_KEY (https://aistudio.google.com/apikey)"
    key_variables = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    default_model = "gemini-3.6-flash"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {
        "Thinking level": "reasoning_effort",
        "thinkingLevel": "reasoning_effort",
        "thinking_level": "reasoning_effort",
        "thinkingConfig": "reasoning_effort",
        "thinking_config": "reasoning_effort",
        "thinking budget": "reasoning_effort",
        "Thinking": "reasoning_effort",
        "responseJsonSchema": "response_schema",
        "stopSequences": "stop",
        "topP": "top_p",
    }
    price_list = "google"
    takes_documents = True
    service_tiers = {"standard": "standard", "flex": "flex", "priority": "priority"}
    tiers_that_may_serve = {"flex": ("flex",), "priority": ("standard", "priority")}
    # https://ai.google.dev/gemini-api/docs/flex-inference: half the price; …/priority-inference: 75 to 100 % more.
    tier_factors = {"flex": (0.5, 0.5), "priority": (None, 2.0)}
    batch_halves_cached = False  # https://ai.google.dev/gemini-api/docs/pricing: cached tokens cost the same in a batch
    package = "httpx2"
    extra = "http"

    def check(self) -> None:
        self._key()
        self._base_url()

    def takes_temperature(self, model: str) -> bool:
        """Return False from Gemini 3 on. It loops at very low temperatures (ai.google.dev/gemini-api/docs/gemini-3)."""
        return model.startswith(("gemini-1", "gemini-2"))

    def ignores(self, model: str) -> set[str]:
        """Return the sampling parameters, which Gemini silently ignores from 3.6 on, and in 3.5-flash-lite.

        gemini-3.5-flash is one of them, as Google lets gemini-3.6-flash answer for it:
        https://ai.google.dev/gemini-api/docs/models/gemini-3.5-flash.
        """
        version = re.match(r"(?:models/)?gemini-(\d+(?:\.\d+)?)", model)
        newer = version is not None and float(version[1]) >= 3.6
        return {"temperature", "top_p"} if newer or "3.5-flash" in model else set()

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        name = model.removeprefix("models/")
        return next((efforts for pattern, efforts in _EFFORTS if re.match(pattern, name)), ())

    def searches_web(self) -> bool:
        return True

    def has_list_prices(self) -> bool:
        return self._base_url() == BASE_URL

    def charged_models(self, request: CompletionRequest) -> list[str]:
        """Return the model, and that which Google lets answer for it."""
        model = (request.model or "").removeprefix("models/")
        return [model, "gemini-3.6-flash"] if model == "gemini-3.5-flash" else [model]

    def address(self) -> str:
        return self._base_url()

    def connect(self) -> httpx2.AsyncClient:
        """Create the client. The key goes into a header, because in the URL it would end up in logs and errors."""
        return core.http.new_client(self._base_url(), headers={"x-goog-api-key": self._key()})

    def batch_jobs(self) -> BatchJobs | None:
        from mcp_models.servers.google_ai_studio_batches import GoogleBatches

        base = self._base_url()
        headers = {"x-goog-api-key": self._key()}
        return GoogleBatches(self, base, core.http.new_client(base, headers, for_files=True))

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed answer with `streamGenerateContent`."""
        from urllib.parse import quote

        client: httpx2.AsyncClient = await self.client()
        base, model = self._base_url(), quote((request.model or "").removeprefix("models/"), safe="")
        url = f"{base}/v1beta/models/{model}:streamGenerateContent?alt=sse"
        answer = ContentAnswer()
        with core.http.map_transport_errors(base, CURE):
            async with client.stream("POST", url, json=payload(request, self.tier_name(request))) as response:
                if response.status_code != 200:
                    raise failure(response, await response.aread())
                answer.service_tier = response.headers.get(TIER_HEADER, "").lower() or None
                async for event in core.http.events(response):
                    if text := answer.add(event):
                        on_text(text)
            answer.model = answer.model or model
            return answer.completion("api_key")

    async def list_models(self) -> list[ModelInfo]:
        """Return the models in `/v1beta/models` that can generate content."""
        client: httpx2.AsyncClient = await self.client()
        base = self._base_url()
        with core.http.map_transport_errors(base, CURE):
            body = await core.http.get_json(client, f"{base}/v1beta/models?pageSize=1000")
            return [
                core.catalogue.ModelInfo(
                    id=model["name"].removeprefix("models/"),
                    context_tokens=model.get("inputTokenLimit"),
                    max_output_tokens=model.get("outputTokenLimit"),
                )
                for model in body["models"]
                if "generateContent" in model.get("supportedGenerationMethods", ("generateContent",))
            ]

    def _key(self) -> str:
        variable = "GOOGLE_API_KEY" if self.env.get("GOOGLE_API_KEY") else "GEMINI_API_KEY"
        if not self.env.get(variable, "").strip():
            raise errors.MissingKeyError(f"neither GOOGLE_API_KEY nor GEMINI_API_KEY is set: {self.setup}.")
        return settings.key(self.env, variable, f"{self.setup}.")

    def _base_url(self) -> str:
        return settings.base_url(self.env, "GOOGLE_GEMINI_BASE_URL", BASE_URL)


def payload(request: CompletionRequest, tier: str | None = None) -> dict[str, Any]:
    """Translate a request for `generateContent`.

    Args:
        request: The request.
        tier: The service tier.
    """
    schema = request.response_schema
    config = {
        "maxOutputTokens": request.limit,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": request.stop,
        "seed": request.seed,
        "thinkingConfig": _thinking_config(request),
        "responseMimeType": None if schema is None else "application/json",
        "responseJsonSchema": None if schema is None else _json_schema(schema),
    }
    body: dict[str, Any] = {
        "contents": [
            {"role": "model" if turn.role == "assistant" else "user", "parts": _parts(turn)} for turn in request.turns
        ],
        "generationConfig": {name: value for name, value in config.items() if value is not None},
    }
    if tier is not None:
        body["serviceTier"] = tier
    if request.web_search:
        body["tools"] = [{"googleSearch": {}}]
    if request.system is not None:
        body["systemInstruction"] = {"parts": [{"text": request.system}]}
    return body


def _thinking_config(request: CompletionRequest) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    if (request.model or "").removeprefix("models/").startswith("gemini-2.5"):
        return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": effort != "none"}
    return {"thinkingLevel": effort.upper(), "includeThoughts": True}


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    from mcp_models.servers.core.json_schema import Dialect, translate

    return translate(schema, Dialect(keywords=_SCHEMA_KEYWORDS))


def _parts(turn: Message) -> list[dict[str, Any]]:
    if isinstance(turn.content, str):
        return [{"text": turn.content}]
    return [
        {"text": part.text} if isinstance(part, core.completion.TextPart) else {"inlineData": _inline_data(part)}
        for part in turn.content
    ]


def _inline_data(part: ImagePart | DocumentPart) -> dict[str, str]:
    kind = "image" if isinstance(part, core.completion.ImagePart) else "document"
    media_type, data = core.http.data_uri(part.url, GoogleAIStudio.title, kind)
    return {"mimeType": media_type, "data": data}


class ContentAnswer(StreamAccumulator):
    """Collect the events of a streamed answer."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {
        "STOP": "end_turn",
        "MAX_TOKENS": "max_tokens",
        "CONTINUATION": "max_tokens",
        "UNEXPECTED_TOOL_CALL": "tool_use",
        "MALFORMED_FUNCTION_CALL": "tool_use",
        "TOO_MANY_TOOL_CALLS": "tool_use",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "MODEL_ARMOR": "content_filter",
        "LANGUAGE": "content_filter",
        "ESCALATION": "content_filter",
        "PUP_LIMITED_DISABLED": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "IMAGE_PROHIBITED_CONTENT": "content_filter",
        "IMAGE_RECITATION": "content_filter",
    }

    def __init__(self, request_id: str | None = None) -> None:
        super().__init__(request_id)
        self.citations: list[Citation] = []
        self.queries: list[str] = []

    def completion(self, auth_mode: str) -> Completion:
        """Return the complete answer, with the pages that it cites and the searches that it cost.

        A search is charged for each query, up to Gemini 2 for each prompt: https://ai.google.dev/gemini-api/docs/pricing.
        """
        from msgspec.structs import replace

        completion = super().completion(auth_mode)
        completion.citations = self.citations
        searches = min(len(self.queries), 1) if self.model.startswith(("gemini-1", "gemini-2")) else len(self.queries)
        completion.usage = replace(completion.usage, web_searches=searches)
        return completion

    def add(self, event: dict[str, Any]) -> str:
        """Add an event and return the text in it.

        Raises:
            ContentFilterError: The prompt was blocked, so there is no candidate.
            ProviderError: Google says that the answer is malformed.
            CompletionError: The event is an error.
        """
        if error := event.get("error"):
            said = f"the model failed while it answered: {core.http.quote(event)}."
            raise errors.from_status(int(error.get("code") or 500), said, request_id=self.request_id)
        self.model = event.get("modelVersion") or self.model
        self.request_id = event.get("responseId") or self.request_id
        if usage := event.get("usageMetadata"):
            self.usage = _usage(usage)
            self.service_tier = self.service_tier or (usage.get("serviceTier") or "").lower() or None
        if reason := (event.get("promptFeedback") or {}).get("blockReason"):
            raise errors.ContentFilterError(f"the prompt was blocked ({reason}).", request_id=self.request_id)
        texts: list[str] = []
        for candidate in (event.get("candidates") or [])[:1]:
            self.native_stop_reason = candidate.get("finishReason") or self.native_stop_reason
            for part in (candidate.get("content") or {}).get("parts") or ():
                (self.thoughts if part.get("thought") else texts).append(part.get("text") or "")
            self._ground(candidate.get("groundingMetadata") or {})
        self.texts += texts
        if self.native_stop_reason == "MALFORMED_RESPONSE":
            raise errors.ProviderError("the model's answer is malformed.", retryable=True, request_id=self.request_id)
        return "".join(texts)

    def _ground(self, grounding: dict[str, Any]) -> None:
        """Keep what an answer rests on. The last event that has it has all of it."""
        webs = [chunk["web"] for chunk in grounding.get("groundingChunks") or () if (chunk.get("web") or {}).get("uri")]
        self.citations = [core.completion.Citation(web["uri"], web.get("title") or "") for web in webs] or self.citations
        self.queries = [query for query in grounding.get("webSearchQueries") or () if query] or self.queries


def _usage(usage: dict[str, int]) -> Usage:
    thoughts = usage.get("thoughtsTokenCount", 0)
    return core.completion.Usage(
        input_tokens=usage.get("promptTokenCount", 0),
        output_tokens=usage.get("candidatesTokenCount", 0) + thoughts,  # Gemini counts thinking separately
        cache_read_tokens=usage.get("cachedContentTokenCount", 0),
        reasoning_tokens=thoughts,
    )


def failure(response: httpx2.Response, body: bytes) -> errors.CompletionError:
    """Return the error for a response with an error status.

    Args:
        response: The response.
        body: Its body.
    """
    said = core.http.quote(body)
    text = body.decode("utf-8", "replace")
    details: dict[str, Any] = {}
    cls: type[errors.CompletionError] | None = None
    if "API_KEY_INVALID" in text or "API key not valid" in said:
        cls = errors.AuthenticationError
    elif "exceeds the maximum number of tokens" in said:
        cls = errors.ContextLengthError
    if delay := re.search(r'"retryDelay":\s*"([\d.]+)s"', text):  # google.rpc.RetryInfo
        details["retry_after"] = float(delay[1])
    return core.http.from_response(response, said, cls, **details)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(GoogleAIStudio())


if __name__ == "__main__":
    main()
