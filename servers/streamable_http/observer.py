"""Define `Observer`, through which metrics, traces and access logs learn of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from mcp_models.servers.core.telemetry.observation import CallObservation

OTHER = "other"
"""What stands for any method that MCP's clients do not send to a server like this."""

METHODS = frozenset(
    {
        "initialize",
        "notifications/cancelled",
        "notifications/initialized",
        "ping",
        "server/discover",
        "tools/call",
        "tools/list",
    }
)


class Observation(Struct, eq=False):
    """What may be told of a request. It holds no prompt, no answer and no token.

    Attributes:
        provider: The provider that was asked.
        caller: Who asked, if it is known.
        method: The JSON-RPC method, or `other`. None if the body was not read, or was not a message.
        call: The tool call, if the request is one.
        status: The HTTP status. None if none was sent, as the client hung up or the server was stopped.
        streamed: Whether the answer was a stream of events.
        seconds: How long the request took. None until it has ended.
    """

    provider: str
    caller: str | None = None
    method: str | None = None
    call: CallObservation | None = None
    status: int | None = None
    streamed: bool = False
    seconds: float | None = None

    def received(self, message: Any) -> None:
        """Note the method of a message, if it is one that a client may send."""
        method = message.get("method") if isinstance(message, dict) else None
        if isinstance(method, str):
            self.method = method if method in METHODS else OTHER


class Observer:
    """Watch the requests to the endpoints. Override what you want to know. All methods run in the loop and must not block."""

    def begun(self, observation: Observation) -> None:
        """Note a request whose head has arrived."""

    def ended(self, observation: Observation) -> None:
        """Note the same request at its end."""

    async def aclose(self) -> None:
        """Send off what is waiting. The server ends; it does not wait for long."""


class Observers(Observer):
    """Tell several observers of each request.

    Args:
        observers: The observers.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def begun(self, observation: Observation) -> None:
        """Tell all of a request whose head has arrived."""
        for observer in self._observers:
            observer.begun(observation)

    def ended(self, observation: Observation) -> None:
        """Tell all of a request that has ended."""
        for observer in self._observers:
            observer.ended(observation)

    async def aclose(self) -> None:
        """Have all send off what is waiting, at once."""
        await asyncio.gather(*(observer.aclose() for observer in self._observers), return_exceptions=True)
