"""List a provider's models for the tool `list_models`, and suggest names for a misspelt one."""

from __future__ import annotations

import asyncio
import difflib
from typing import Any

import msgspec
from msgspec import Struct

from mcp_models.servers.core import errors
from mcp_models.servers.core.provider import Provider

CLOSE_NAMES = 3
CLOSE_NAMES_SECONDS = 3.0
LIST_SECONDS = 30.0


class ModelInfo(Struct, frozen=True, kw_only=True):
    """A model as its provider lists it. A field is None if the provider does not say.

    Attributes:
        id: The name to use as `model`.
        context_tokens: The limit for prompt and answer together, or for the prompt alone if the provider limits it separately.
        max_output_tokens: The limit for an answer.
        retires_at: The date when the model stops answering, in ISO 8601.
    """

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    retires_at: str | None = None


async def list_models(provider: Provider) -> list[ModelInfo]:
    """Return the models that a provider offers now, in alphabetical order. Give up after `LIST_SECONDS`.

    Raises:
        CompletionError: The provider could not be asked.
    """
    try:
        async with asyncio.timeout(LIST_SECONDS):
            models = await provider.list_models()
    except TimeoutError:
        raise errors.CallTimeoutError(f"no list of models within {LIST_SECONDS:g} s.") from None
    return sorted(models, key=lambda model: model.id)


async def close_names(provider: Provider, model: str) -> list[str]:
    """Suggest names similar to a wrong one, for an error message. Return none if the provider does not answer quickly."""
    try:
        async with asyncio.timeout(CLOSE_NAMES_SECONDS):
            names = [info.id for info in await provider.list_models()]
    except Exception:  # the suggestions only decorate another error, which matters more than this one
        return []
    return difflib.get_close_matches(model, [*provider.aliases, *names], CLOSE_NAMES)


def as_text(models: list[ModelInfo]) -> str:
    """Return the list as text, one line per model."""
    return "\n".join(_line(model) for model in models) or "no models"


def as_record(models: list[ModelInfo]) -> list[dict[str, Any]]:
    """Return the list as JSON values, for programs."""
    record: list[dict[str, Any]] = msgspec.to_builtins(models)
    return record


def _line(model: ModelInfo) -> str:
    facts = [
        f"context {model.context_tokens:,} tokens" if model.context_tokens else "",
        f"output up to {model.max_output_tokens:,} tokens" if model.max_output_tokens else "",
        f"retires {model.retires_at}" if model.retires_at else "",
    ]
    known = ", ".join(fact for fact in facts if fact)
    return f"{model.id}: {known}" if known else model.id
