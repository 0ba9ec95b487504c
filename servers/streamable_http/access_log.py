"""Write a line of JSON to stderr for each request. It holds no prompt, no answer and no token."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from mcp_models.servers.core.ledger.row import iso
from mcp_models.servers.core.telemetry.observation import shown
from mcp_models.servers.core.telemetry.worker import Worker
from mcp_models.servers.streamable_http.observer import Observation, Observer

FLUSH_SECONDS = 1.0
"""How long the end waits for the lines to be written."""


class AccessLog(Observer):
    """Log each request at its end.

    Args:
        write: Writes text. None means stderr as it is when a line is written.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write
        self._worker: Worker[dict[str, Any]] = Worker("access log", lambda: (self._log, lambda: None))

    def ended(self, observation: Observation) -> None:
        """Log a request."""
        self._worker.put(fields_of(observation))

    async def aclose(self) -> None:
        """Wait a moment for the lines to be written."""
        await self._worker.flush(FLUSH_SECONDS)

    def _log(self, fields: dict[str, Any]) -> None:
        (self._write or sys.stderr.write)(f"{msgspec.json.encode(fields).decode()}\n")


def fields_of(observation: Observation) -> dict[str, Any]:
    """Return what is logged of a request. Times are in milliseconds; a field is left out if nothing is known of it."""
    fields: dict[str, Any] = {
        "time": iso(time.time()),
        "provider": observation.provider,
        "caller": shown(observation.caller),
        "method": observation.method,
        "status": observation.status,
        "streamed": observation.streamed or None,
        "duration_ms": _milliseconds(observation.seconds),
    }
    if (call := observation.call) is not None:
        fields |= {
            "tool": call.tool,
            "model_asked": call.model_asked,
            "model": call.model,
            "error_type": call.error_type,
            "provider_status": call.status,
            "call_ms": _milliseconds(call.seconds),
            "first_text_ms": _milliseconds(call.first_text_seconds),
            "cost_usd": call.cost_usd,
            "provider_request_id": call.provider_request_id,
            "trace_id": _trace_id(call.trace or call.linked_trace),
        }
        if call.usage is not None:
            fields |= {"input_tokens": call.usage.input_tokens, "output_tokens": call.usage.output_tokens}
    return {name: value for name, value in fields.items() if value is not None}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _trace_id(trace: dict[str, str]) -> str | None:
    """Return the trace's id of a W3C `traceparent`, so that the line can be found from the trace."""
    parts = trace.get("traceparent", "").split("-")
    found = parts[1] if len(parts) >= 4 else ""
    return found if len(found) == 32 and set(found) <= set("0123456789abcdef") else None
