"""Define what you ask for (`CompletionRequest`) and what comes back (`Completion`).

The tool's `inputSchema` is generated from `CompletionRequest`, and `arguments.py` validates against the same type, so the
two cannot drift apart.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct

from mcp_models.servers.core import TEMPERATURE_DEFAULT, TOOL_MAX_TOKENS_DEFAULT

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "content_filter", "other"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ServiceTier = Literal["auto", "standard", "flex", "priority"]

OPTIONAL_PARAMETERS = ("temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema")
"""Parameters that not every model supports. They are left out and reported in `dropped_params`, and the call goes on."""

PDF_URI = "data:application/pdf;base64,"
"""How the `data:` URI of a document begins."""

MISFIT = "the answer does not fit `response_schema`"
"""How the warning about that begins."""

CACHE_KEY = "cache_key"
"""A field of the request that we set ourselves, and that is left out in the same way, but without a word."""


class TextPart(Struct, frozen=True, forbid_unknown_fields=True, tag="text"):
    """Text within a message."""

    text: str


Url = Annotated[str, Meta(description="data:…;base64,… or https://…")]


class ImagePart(Struct, frozen=True, forbid_unknown_fields=True, tag="image"):
    """An image within a message. It is never a local path, so that no prompt can make a server read a file."""

    url: Url

    def __post_init__(self) -> None:
        if not self.url.startswith(("data:image/", "https://")):
            raise ValueError("url: expected a data: URI of an image or an https URL")


class DocumentPart(Struct, frozen=True, forbid_unknown_fields=True, tag="document"):
    """A PDF within a message. Like an image, it is never a local path."""

    url: Url

    def __post_init__(self) -> None:
        if not self.url.startswith((PDF_URI, "https://")):
            raise ValueError(f"url: expected {PDF_URI}… or an https URL")


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str | list[TextPart | ImagePart | DocumentPart]

    @property
    def text(self) -> str:
        """The text of all parts, joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class CompletionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of the tool `complete`."""

    prompt: Annotated[str, Meta(description="What to ask; or give `messages`.")] | None = None
    messages: Annotated[list[Message], Meta(min_length=1, description="A conversation, oldest turn first.")] | None = None
    system: Annotated[str, Meta(description="Instructions.")] | None = None
    model: Annotated[str, Meta(description="A name from `list_models`.")] | None = None
    max_tokens: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Limit of the answer, thinking included.",
                extra_json_schema={"default": TOOL_MAX_TOKENS_DEFAULT},
            ),
        ]
        | None
    ) = None
    temperature: (
        Annotated[float, Meta(ge=0, description=f"Default {TEMPERATURE_DEFAULT}, where the model takes one.")] | None
    ) = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: Annotated[list[str], Meta(description="The answer ends before any of these.")] | None = None
    seed: int | None = None
    reasoning_effort: Annotated[ReasoningEffort, Meta(description="How much to think.")] | None = None
    response_schema: Annotated[dict[str, Any], Meta(description="JSON Schema for the answer.")] | None = None
    service_tier: Annotated[ServiceTier, Meta(description="Speed and price.")] | None = None
    files: Annotated[list[str], Meta(description="Files to attach: paths, `docs/*.md`.")] | None = None
    web_search: Annotated[bool, Meta(description="Let it search the web.")] | None = None
    timeout: Annotated[float, Meta(description="Seconds for the whole call. Default 600.")] | None = None

    is_default_model: bool = False
    """Whether `model` is the default, because the caller named none. Not an argument of the tool."""

    cache_key: str | None = None
    """What requests with the same beginning have in common, for the provider's prompt cache. Not an argument of the tool."""

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either `prompt` (a string) or `messages` (an array)")
        if self.temperature is not None and not math.isfinite(self.temperature):
            raise ValueError("temperature: expected a finite number")
        if self.timeout is not None and not math.isfinite(self.timeout):
            raise ValueError("timeout: expected a finite number")
        if self.timeout is not None and self.timeout <= 0:
            raise ValueError("timeout: expected number > 0")

    @property
    def limit(self) -> int:
        """The limit for the answer, in tokens."""
        return TOOL_MAX_TOKENS_DEFAULT if self.max_tokens is None else self.max_tokens

    @property
    def turns(self) -> list[Message]:
        """The conversation. A lone prompt is a single turn of the user."""
        if self.messages is not None:
            return self.messages
        return [Message(role="user", content=self.prompt or "")]

    @property
    def documents(self) -> int:
        """How many documents there are."""
        parts = [part for turn in self.turns if not isinstance(turn.content, str) for part in turn.content]
        return sum(isinstance(part, DocumentPart) for part in parts)


class Usage(Struct, frozen=True, kw_only=True):
    """Token counts, with one meaning for all providers: `input_tokens` includes cached tokens, `output_tokens` thinking.

    `cache_write_tokens` includes `cache_write_1h_tokens`, which the cache keeps for an hour. `web_searches` are those that the
    provider charges for.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: int = 0

    @property
    def total(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


class Citation(Struct, frozen=True):
    """A page that an answer cites: its address and its title."""

    url: str
    title: str = ""


class SentFile(Struct, frozen=True):
    """A file that was attached to a prompt: its path, its media type, its bytes, and an estimate of its tokens."""

    path: str
    media_type: str
    bytes: int
    tokens: int


class Completion(Struct, kw_only=True):
    """An answer and everything known about it.

    An adapter fills in what its provider said. `service.py` adds the rest: provider, latency, cost and dropped parameters.

    Attributes:
        service_tier: The tier that answered, if the provider has tiers and says so. OpenAI's `default` is `standard` here.
        price_source: Where the price comes from: a list and its version, a file, or `provider` if that reported the cost.
        cache_savings_usd: What the prompt cache saved: the cost without it, less the cost. A write alone makes it negative.
        surcharge: What the provider charges on top, times the list price. It is not part of the record.
        citations: The pages that the answer cites, if the provider searched the web. An adapter may list one twice.
        files: The files that were attached because the caller named them.
        structured: The parsed answer if the caller gave a `response_schema`. It can be any JSON value, also null.
        notes: Sentences for the model in the host, which does not get to see this record.
    """

    text: str
    model: str
    stop_reason: StopReason
    provider: str = ""
    native_stop_reason: str | None = None
    usage: Usage = Usage()
    service_tier: str | None = None
    cost_usd: float | None = None
    price_source: str | None = None
    cache_savings_usd: float | None = None
    request_id: str | None = None
    latency_ms: int = 0
    auth_mode: str | None = None
    reasoning: str | None = None
    structured: Any = UNSET
    files: list[SentFile] = []
    citations: list[Citation] = []
    dropped_params: list[str] = []
    warnings: list[str] = []
    notes: list[str] = []
    surcharge: float = 1.0
