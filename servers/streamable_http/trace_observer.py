"""Send the traces of calls over HTTP."""

from __future__ import annotations

from mcp_models.servers.core.telemetry.traces import Traces
from mcp_models.servers.streamable_http.observer import Observation, Observer

FLUSH_SECONDS = 3.0
"""How long the end of the server waits for spans to be sent."""


class TraceObserver(Observer):
    """Send the spans of each call."""

    def __init__(self) -> None:
        self._traces = Traces()

    def ended(self, observation: Observation) -> None:
        """Send the spans of a request's call, if it is one."""
        if observation.call is not None:
            self._traces.ended(observation.call)

    async def aclose(self) -> None:
        """Send what is waiting."""
        await self._traces.flush(FLUSH_SECONDS)
