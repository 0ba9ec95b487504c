"""Ask OpenAI's API with a key, or a compatible server, through the official SDK.

The Responses API is OpenAI's primary one, so it is used by default (`openai_responses.py`). Chat Completions are used for
requests with `stop` or `seed`, which the Responses API lacks, and for any other OPENAI_BASE_URL, as few compatible servers
have the Responses API (`openai_chat.py`). You can override this with OPENAI_WIRE_API.
"""

from __future__ import annotations

import re

from mcp_models.servers import openai_caching
from mcp_models.servers.core import errors
from mcp_models.servers.openai_compatible import OpenAICompatible, strict_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from openai import AsyncOpenAI

    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.settings import Environment

OPENAI_HOST, AZURE_HOST = ".api.openai.com", ".openai.azure.com"

# Compatible servers know the answer's limit by its old name. OpenAI's reasoning models refuse that name.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"

MOST_SEARCHES = 5
"""How often a call may search the web or open a page that it found."""

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


class OpenAIAPI(OpenAICompatible):
    """OpenAI with OPENAI_API_KEY, or a compatible server at OPENAI_BASE_URL. A subclass adds the ChatGPT login."""

    name = "openai"
    title = "OpenAI"
    summary = "Its models are general-purpose; most of them reason before they answer."
    default_model = "gpt-5.2"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {
        **OpenAICompatible.native_names,
        "prompt_cache_key": "cache_key",
        "prompt_cache_options": "cache_key",
        "prompt_cache_breakpoint": "cache_key",
    }
    price_list = "openai"
    takes_documents = True
    most_searches = MOST_SEARCHES
    service_tiers = {"auto": "auto", "standard": "default", "flex": "flex", "priority": "priority"}
    tiers_that_may_serve = {
        None: ("standard", "priority"),  # the project's own setting decides, and it may be priority
        "auto": ("standard", "priority"),
        "flex": ("flex",),
        "priority": ("standard", "priority"),
    }
    # https://platform.openai.com/docs/pricing: from 1.67 to 2.5 times the standard price, by the model.
    tier_factors = {"priority": (None, 2.5), "fast": (None, 2.5)}
    # https://platform.openai.com/docs/guides/images-vision: tiles of 5,667 tokens and 2,833 more; for others at most 10,000
    # patches of up to 2.46 tokens.
    image_tokens = {"gpt-4o-mini": 50_000, "": 25_000}
    setup = "set OPENAI_API_KEY (https://platform.openai.com/api-keys)"
    key_variables = ("OPENAI_API_KEY",)
    own_url = "https://api.openai.com/v1"
    url_variable = "OPENAI_BASE_URL"

    def __init__(self, env: Environment | None = None) -> None:
        super().__init__(env)
        self._limit = OLD_LIMIT

    def takes_temperature(self, model: str) -> bool:
        return not self._is_openais() or model.startswith(_TAKES_TEMPERATURE)

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        known = next((efforts for pattern, efforts in _EFFORTS if re.match(pattern, model)), ())
        return known if self._is_openais() else ()

    def takes_cache_key(self, model: str) -> bool:  # noqa: ARG002
        """Return True where OpenAI's own models answer. Compatible servers may refuse the field."""
        return self._is_openais()

    def ignores(self, model: str) -> set[str]:
        """Return parameters that one of OpenAI's own models is known to lack, to save a request that it would refuse."""
        if not self._is_openais():
            return set()
        if re.match(_WITHOUT_EFFORT, model):
            return {"reasoning_effort"}
        return {"stop", "seed"} if re.match(_ONLY_RESPONSES, model) else set()

    def searches_web(self) -> bool:
        if not self.env.get(self.url_variable) and not self.env.get("OPENAI_WIRE_API"):
            return True  # without parsing an address, as `tools/list` asks this
        return self._chosen_api() == "responses"

    def sends_openais_headers(self) -> bool:
        return self._is_at(OPENAI_HOST)

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed response."""
        client: AsyncOpenAI = await self.client()
        from openai import BadRequestError

        from mcp_models.servers.openai_chat import complete_chat
        from mcp_models.servers.openai_responses import respond

        answer_format = _answer_format(request)
        with self.map_errors():
            if self.wire_api(request) == "responses":
                request, warnings = self._with_least_limit(request)
                payload = self._responses_payload(request, answer_format)
                completion = await respond(client, payload, on_text, self.failure)
                completion.service_tier = self.served_tier(completion.service_tier)
                completion.warnings += warnings
                return completion
            limit = self._limit_name()
            try:
                return await complete_chat(self, client, self._chat_payload(request, limit, answer_format), on_text)
            except BadRequestError as error:
                if limit == NEW_LIMIT or NEW_LIMIT not in error.message:
                    raise
                self._limit = NEW_LIMIT  # it is a gateway to OpenAI's own reasoning models
                return await complete_chat(self, client, self._chat_payload(request, NEW_LIMIT, answer_format), on_text)

    def payload(self, request: CompletionRequest) -> dict[str, Any]:
        """Return a request as the API that `wire_api` names takes it. Nothing in it says whether to stream."""
        if self.wire_api(request) == "responses":
            return self._responses_payload(self._with_least_limit(request)[0], _answer_format(request))
        return self._chat_payload(request, self._limit_name(), _answer_format(request))

    def _responses_payload(self, request: CompletionRequest, answer_format: dict[str, Any] | None) -> dict[str, Any]:
        from mcp_models.servers.openai_responses import responses_payload

        payload = responses_payload(request, answer_format)
        if tier := self.tier_name(request):
            payload["service_tier"] = tier
        if request.web_search:
            payload |= {"tools": [{"type": "web_search"}], "max_tool_calls": MOST_SEARCHES}
        if request.cache_key:
            openai_caching.add_to_responses(payload, request)
        return payload

    def _chat_payload(self, request: CompletionRequest, limit: str, answer_format: dict[str, Any] | None) -> dict[str, Any]:
        from mcp_models.servers.openai_chat import chat_payload

        payload = chat_payload(request, limit, answer_format)
        if tier := self.tier_name(request):
            payload["service_tier"] = tier
        if request.cache_key:
            openai_caching.add_to_chat(payload, request)
        return payload

    def has_list_prices(self) -> bool:
        return self._is_at(OPENAI_HOST)

    def most_output_tokens(self, request: CompletionRequest) -> int:
        return max(request.limit, LEAST_OUTPUT_TOKENS)

    def batch_jobs(self) -> BatchJobs | None:
        from mcp_models.servers.openai_batches import OpenAIBatchJobs

        return OpenAIBatchJobs(self, self.connect(for_files=True))

    def _limit_name(self) -> str:
        return NEW_LIMIT if self._is_openais() else self._limit

    def _is_openais(self) -> bool:
        """Return whether OpenAI's own models answer, either at OpenAI's hosts or at Azure's."""
        return self._is_at(OPENAI_HOST) or self._is_at(AZURE_HOST)

    def _is_at(self, domain: str) -> bool:
        from urllib.parse import urlsplit

        return f".{urlsplit(self.base_url()).hostname}".endswith(domain)

    def wire_api(self, request: CompletionRequest) -> str:
        """Return `responses` or `chat`. OPENAI_WIRE_API decides, unless the request allows only one of them.

        Raises:
            InvalidRequestError: The request needs both.
        """
        if request.web_search:
            if request.stop is not None or request.seed is not None:
                raise errors.InvalidRequestError(
                    "web_search: only the Responses API searches, which has neither `stop` nor `seed`: leave them out."
                )
            return "responses"
        if self._is_openais() and re.match(_ONLY_RESPONSES, request.model or ""):
            return "responses"
        if request.stop is not None or request.seed is not None:
            return "chat"
        if self._is_openais() and request.limit < LEAST_OUTPUT_TOKENS:
            return "chat"
        return self._chosen_api()

    def _chosen_api(self) -> str:
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


def _answer_format(request: CompletionRequest) -> dict[str, Any] | None:
    return None if request.response_schema is None else strict_format(request.response_schema)
