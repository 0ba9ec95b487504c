"""Define `CallObservation`: what metrics, traces and logs may tell of a call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mcp_models.servers.core.completion import Usage
from mcp_models.servers.core.ledger.row import kept
from mcp_models.servers.core.protocol import META_ERROR, MODERN_VERSIONS
from mcp_models.servers.core.redaction import redact

if TYPE_CHECKING:
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.protocol import ToolCall
    from mcp_models.servers.core.provider import OnText, Provider

CANCELLED = "cancelled"
"""The `error_type` of a call that was cancelled. All others are types of errors."""

LONGEST_TRACE_FIELD = 2048
"""The most characters of a `traceparent` or `tracestate` to keep. W3C asks for at least 512."""

_TRACE_FIELDS = ("traceparent", "tracestate")


class CallObservation(Struct, eq=False):
    """A tool call. It holds no prompt, no answer and no key.

    Attributes:
        provider: The provider's name.
        tool: The tool, `complete` or `list_models`.
        caller: Who asks, if they had to prove it.
        semantic_name: OpenTelemetry's name for the provider, if it is another one.
        request_id: The JSON-RPC id.
        protocol_version: The protocol's version, if the request says so.
        trace: What the client's trace context has: `traceparent` and `tracestate`.
        linked_trace: The same from the headers of HTTP.
        started: When the call began, in seconds since 1970.
        began: The same on the clock of `time.monotonic`.
        seconds: How long it took. None while it runs.
        model_asked: The model that was asked. None if the arguments made no sense.
        parameters: The numbers among the request's parameters, by name.
        provider_after: The seconds from the call's beginning to asking the provider.
        first_text_seconds: The seconds from asking the provider to its first text.
        model: The model that answered, as the provider named it. None, as the next four, if there is no answer.
        usage: The tokens that the provider counted.
        cost_usd: The cost in US dollars, if it is known.
        stop_reason: Why the answer ended.
        provider_request_id: The provider's id of the request.
        error_type: The type of the failure, `cancelled`, or None if there is an answer.
        status: The provider's HTTP status, if it refused.
    """

    provider: str
    tool: str
    caller: str | None = None
    semantic_name: str | None = None
    request_id: str | int | None = None
    protocol_version: str | None = None
    trace: dict[str, str] = {}
    linked_trace: dict[str, str] = {}
    started: float = 0.0
    began: float = 0.0
    seconds: float | None = None
    model_asked: str | None = None
    parameters: dict[str, float] = {}
    provider_after: float | None = None
    first_text_seconds: float | None = None
    model: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    stop_reason: str | None = None
    provider_request_id: str | None = None
    error_type: str | None = CANCELLED
    status: int | None = None

    def asked(self, request: CompletionRequest) -> None:
        """Note what the provider is to be asked."""
        self.model_asked = shown(request.model)
        given = {name: getattr(request, name) for name in ("temperature", "top_p", "seed")}
        self.parameters = {name: value for name, value in given.items() if value is not None}
        self.parameters["max_tokens"] = request.limit

    def sent(self) -> None:
        """Note that the budget allows the call, so that the provider is asked now."""
        self.provider_after = time.monotonic() - self.began

    def timing(self, on_text: OnText) -> OnText:
        """Return a function that passes each piece of text on to `on_text`, and notes when the first one comes."""

        def timed(text: str) -> None:
            if self.first_text_seconds is None:
                self.first_text_seconds = time.monotonic() - self.began - (self.provider_after or 0)
            on_text(text)

        return timed

    def answered(self, completion: Completion) -> None:
        """Note what is known of the answer, which may be one that is of no use."""
        self.model, self.usage, self.cost_usd = shown(completion.model), completion.usage, completion.cost_usd
        self.stop_reason, self.provider_request_id = completion.stop_reason, shown(completion.request_id)

    def ended(self, result: dict[str, Any] | None) -> None:
        """Note how the call ended.

        Args:
            result: MCP's result. None means that there is none, as the call was cancelled.
        """
        self.seconds = time.monotonic() - self.began
        if result is not None:
            error = result.get("_meta", {}).get(META_ERROR, {})
            self.error_type, self.status = error.get("type"), error.get("status")


def observation_of(call: ToolCall, provider: Provider, caller: str | None = None) -> CallObservation:
    """Return the observation of a call that begins now.

    Args:
        call: The call.
        provider: The provider.
        caller: Who asks, if they had to prove it.
    """
    return CallObservation(
        provider=provider.name,
        semantic_name=provider.semantic_name,
        tool=call.name,
        caller=shown(caller),
        request_id=shown(call.id) if isinstance(call.id, str) else call.id,
        protocol_version=MODERN_VERSIONS[-1] if call.modern else None,
        trace=trace_fields(call.meta),
        started=time.time(),
        began=time.monotonic(),
    )


def shown(text: str | None) -> str | None:
    """Return a name or an id as it may be shown: as the ledger keeps it, and without what looks like a key or a token."""
    return None if text is None else redact(kept(text) or "")


def trace_fields(source: object) -> dict[str, str]:
    """Return the trace context in a request's `_meta` or headers. SEP-414 gives it the names that it has in HTTP.

    Source: https://modelcontextprotocol.io/community/seps/414-request-meta
    """
    get = getattr(source, "get", None)
    found = {name: get(name) for name in _TRACE_FIELDS} if get is not None else {}
    return {name: redact(text) for name, text in found.items() if isinstance(text, str) and len(text) <= LONGEST_TRACE_FIELD}
