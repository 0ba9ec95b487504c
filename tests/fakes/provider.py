"""Define what the shared contract needs from every fake: the same situations, each in its provider's own form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.fakes.endpoint import Endpoint, Reply, Request


@dataclass
class Seen:
    """What the contract needs to know about a request.

    Attributes:
        turns: The role (`assistant` or `user`) and the text of each turn.
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
    """Yield a JSON Schema and every schema inside it."""
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
    """A fake provider that can be put into every situation of the contract."""

    provider: ClassVar[str]
    model: ClassVar[str]
    """A model that accepts every parameter of the provider."""

    picky_model: ClassVar[str | None] = None
    """A model that refuses a temperature."""

    lacks: ClassVar[frozenset[str]] = frozenset()
    """Optional parameters that the provider has no field for."""

    low_effort: ClassVar[str] = "low"
    """What its model gets for the effort `low`: the nearest effort that it supports."""

    lists_limits: ClassVar[bool] = False
    """Whether its list of models includes context limits."""

    def answer(self, request: Request) -> Reply:
        """Return the answer to a valid request: a greeting, or the list of models."""
        if request.method == "GET":
            return self.models(request)
        return self.text(request, "Hello", " from", " the", " fake.")

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        """Return a streamed answer in pieces."""
        raise NotImplementedError

    def ticks(self) -> Iterator[bytes]:
        """Yield the pieces of an answer that never ends."""
        raise NotImplementedError

    def half(self) -> list[bytes]:
        """Return the pieces of the answer `Half an`, without an end."""
        raise NotImplementedError

    def error(self, status: int, message: str, **headers: str) -> Reply:
        """Return an error in the provider's own form."""
        raise NotImplementedError

    def too_long(self) -> Reply:
        """Return the refusal of a prompt that does not fit."""
        raise NotImplementedError

    def unknown_model(self) -> Reply:
        """Return the refusal of a model that does not exist."""
        raise NotImplementedError

    def refusals(self) -> list[tuple[Reply, str]]:
        """Return every form in which the provider declines or blocks, each with our error type for it."""
        raise NotImplementedError

    def empty(self) -> Reply:
        """Return an answer without text."""
        return self.text(None)

    def only_thinking(self) -> Reply | None:
        """Return an answer that used its whole budget for thinking, or None if the models do not show any thinking."""
        return None

    def models(self, request: Request) -> Reply:
        """Return the list of models, which includes `model`."""
        raise NotImplementedError

    def seen(self, request: Request) -> Seen:
        """Return what the contract needs to know about a request."""
        raise NotImplementedError
