"""Name what spans say, as OpenTelemetry's conventions for GenAI and MCP do. They still change, so the names stand here only.

Source: https://github.com/open-telemetry/semantic-conventions-genai, as of July 2026. All are in the state "Development".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_models.servers.core.completion import Usage
from mcp_models.servers.core.telemetry.observation import CANCELLED

if TYPE_CHECKING:
    from mcp_models.servers.core.telemetry.observation import CallObservation

TOOL_ERROR = "tool_error"
"""The `error.type` of a tool that answered with `isError`."""

Attributes = dict[str, str | int | float | tuple[str, ...]]


def tool_span_name(call: CallObservation) -> str:
    """Return the name of the span for a tool call."""
    return f"tools/call {call.tool}"


def tool_attributes(call: CallObservation) -> Attributes:
    """Return what the span for a tool call says."""
    return _given(
        {
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": call.protocol_version,
            "jsonrpc.request.id": None if call.request_id is None else str(call.request_id),
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "enduser.id": call.caller,
            "error.type": CANCELLED if call.error_type == CANCELLED else call.error_type and TOOL_ERROR,
        }
    )


def chat_span_name(call: CallObservation) -> str:
    """Return the name of the span for the provider's part of a call."""
    return f"chat {call.model_asked}"


def chat_attributes(call: CallObservation) -> Attributes:
    """Return what the span for the provider's part of a call says: names, numbers and times."""
    usage = call.usage or Usage()
    return _given(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": call.semantic_name or call.provider,
            "gen_ai.request.model": call.model_asked,
            **{f"gen_ai.request.{name}": value for name, value in call.parameters.items()},
            "gen_ai.response.model": call.model,
            "gen_ai.response.id": call.provider_request_id,
            "gen_ai.response.finish_reasons": (call.stop_reason,) if call.stop_reason else None,
            "gen_ai.response.time_to_first_chunk": call.first_text_seconds,
            "gen_ai.usage.input_tokens": usage.input_tokens if call.usage else None,
            "gen_ai.usage.output_tokens": usage.output_tokens if call.usage else None,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens or None,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
            "http.response.status_code": call.status,
            "mcp_models.cost_usd": call.cost_usd,
            "error.type": call.error_type,
        }
    )


def _given(attributes: dict[str, str | int | float | tuple[str, ...] | None]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}
