"""Define `Observer`, through which metrics, traces and access logs learn of requests."""

from __future__ import annotations

from msgspec import Struct


class Observation(Struct):
    """What may be told of a request. It holds no prompt, no answer and no token.

    Attributes:
        provider: The provider that was asked.
        caller: Who asked, if it is known.
        status: The HTTP status. None if none was sent, as the client hung up or the server was stopped.
        streamed: Whether the answer was a stream of events.
        seconds: How long the request took. None until it has ended.
    """

    provider: str
    caller: str | None = None
    status: int | None = None
    streamed: bool = False
    seconds: float | None = None


class Observer:
    """Watch the requests to the endpoints. Override what you want to know. Both methods run in the loop and must not block."""

    def begun(self, observation: Observation) -> None:
        """Note a request whose head has arrived."""

    def ended(self, observation: Observation) -> None:
        """Note the same request at its end."""
