"""Define what the shared contract asks of every fake: the same situations, each in its provider's own envelope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.endpoint import Endpoint, Reply, Request


@dataclass
class Seen:
    """A request in the contract's terms.

    Attributes:
        turns: Role and text of each turn, `assistant` and `user`.
        images: The base64 data of all images.
    """

    model: str
    turns: list[tuple[str, str]]
    system: str | None = None
    images: list[str] = field(default_factory=list)
    max_tokens: int | None = None
    temperature: float | None = None
    stop: list[str] | None = None
    seed: int | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    response_schema: dict[str, Any] | None = None


def schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """A JSON Schema and every one within it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name, value in schema.items():
        if name in ("properties", "$defs"):
            parts = list(value.values())
        else:
            parts = value if name in ("anyOf", "allOf", "prefixItems") else [value] if name == "items" else []
        for part in parts:
            yield from schemas_in(part)


class FakeProvider(Endpoint):
    """A provider that can be brought into each situation of the contract."""

    provider: ClassVar[str]
    model: ClassVar[str]
    """A model that takes everything the provider has."""

    picky_model: ClassVar[str | None] = None
    """A model that refuses a temperature."""

    lacks: ClassVar[frozenset[str]] = frozenset()
    """Optional parameters that the provider has no field for."""

    low_effort: ClassVar[str] = "low"
    """What its model is sent for the effort `low`: the nearest that it has."""

    lists_limits: ClassVar[bool] = False
    """Whether its list of models tells context limits."""

    def answer(self, request: Request) -> Reply:
        """Return what it says to a good request: a greeting, or its list of models."""
        if request.method == "GET":
            return self.models(request)
        return self.text(request, "Hello", " from", " the", " fake.")

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        """Return a streamed answer in pieces."""
        raise NotImplementedError

    def ticks(self) -> Iterator[bytes]:
        """The pieces of an answer without end."""
        raise NotImplementedError

    def half(self) -> list[bytes]:
        """Return the pieces of the answer `Half an`, without its end."""
        raise NotImplementedError

    def error(self, status: int, message: str, **headers: str) -> Reply:
        """Return a failure in the provider's envelope."""
        raise NotImplementedError

    def too_long(self) -> Reply:
        """Return the refusal of a prompt that does not fit."""
        raise NotImplementedError

    def unknown_model(self) -> Reply:
        """Return the refusal of a model that does not exist."""
        raise NotImplementedError

    def refusals(self) -> list[tuple[Reply, str]]:
        """Return every shape in which it declines or blocks, with the type of error that it is."""
        raise NotImplementedError

    def empty(self) -> Reply:
        """Return an answer without text."""
        return self.text(None)

    def only_thinking(self) -> Reply | None:
        """Return an answer whose whole budget went into thinking; None if its models do not show any."""
        return None

    def models(self, request: Request) -> Reply:
        """Return its list of models; `model` is one of them."""
        raise NotImplementedError

    def seen(self, request: Request) -> Seen:
        """Return a request in the contract's terms."""
        raise NotImplementedError
