"""Adapt a request to the parameters its model accepts, and learn those from the provider's refusals."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT, TOOL_MAX_TOKENS_DEFAULT
from mcp_models.servers.core.completion import CACHE_KEY, OPTIONAL_PARAMETERS, CompletionRequest, ReasoningEffort
from mcp_models.servers.core.effort import efforts_named, nearest
from mcp_models.servers.core.errors import CompletionError, ContextLengthError, InvalidRequestError
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.refusals import Refusal, refused_parameter

# The two ways in which a provider may quote our default limit when it refuses it.
_OUR_LIMIT = (str(TOOL_MAX_TOKENS_DEFAULT), f"{TOOL_MAX_TOKENS_DEFAULT:,}")

NO_DOCUMENTS = "send the text, or the pages as images, or ask a provider that reads PDFs"
"""What to do where documents are not taken."""


class Learnt(Struct):
    """What we know about a model's parameters. It lasts as long as the process.

    Attributes:
        lacking: Parameters that the provider has no field for, or that the model is known to ignore.
        refused: Parameters that the model refused, each with the reasoning effort of that request. The effort matters because
            some models accept a temperature at one effort only.
        efforts: The reasoning efforts that the model supports, if a refusal listed them.
        max_tokens: The limit to send if the caller sets none and the model refused the default one.
    """

    lacking: set[str]
    refused: set[tuple[str, ReasoningEffort | None]] = msgspec.field(default_factory=set)
    efforts: tuple[ReasoningEffort, ...] | None = None
    max_tokens: int | None = None


def learnt_of(provider: Provider, model: str) -> Learnt:
    """Return what we know about a model before the first request to it."""
    return Learnt(set(OPTIONAL_PARAMETERS) - provider.parameters | provider.ignores(model))


class Adaptation:
    """The request of one call, changed to what its model accepts.

    Args:
        asked: The caller's request. Its `model` must be set.
        provider: The provider to ask.
        learnt: What we know about the model. `learn` adds to it.

    Raises:
        InvalidRequestError: The request has a document, and the provider takes none.

    Attributes:
        sent: The request that `request` returned last.
    """

    def __init__(self, asked: CompletionRequest, provider: Provider, learnt: Learnt) -> None:
        if asked.documents and not provider.takes_documents:
            raise InvalidRequestError(f"{provider.title} takes no documents: {NO_DOCUMENTS}.")
        self._asked, self._provider, self._learnt = asked, provider, learnt
        self._left_out: set[str] = set()
        self._without: set[str] = set()
        self._temperature: float | None = None
        if _is_free(asked) and provider.takes_temperature(asked.model or ""):
            self._temperature = TEMPERATURE_DEFAULT
        self._cache_key = cache_key(asked) if provider.takes_cache_key(asked.model or "") else None
        self.sent = asked

    def request(self) -> CompletionRequest:
        """Return the request to send, given what we know now."""
        effort = self._effort()
        self._without = {*self._learnt.lacking, *self._left_out}
        if self._learnt.refused:
            self._without.update(name for name, at in self._learnt.refused if at == effort)
        changes: dict[str, Any] = {name: None for name in self._without if getattr(self._asked, name) is not None}
        if self._temperature is not None and "temperature" not in self._without:
            changes["temperature"] = self._temperature
        if self._cache_key is not None and CACHE_KEY not in self._without:
            changes[CACHE_KEY] = self._cache_key
        if effort != self._asked.reasoning_effort and "reasoning_effort" not in self._without:
            changes["reasoning_effort"] = effort
        if self._asked.max_tokens is None and self._learnt.max_tokens is not None:
            changes["max_tokens"] = self._learnt.max_tokens
        self.sent = msgspec.structs.replace(self._asked, **changes) if changes else self._asked
        return self.sent

    @property
    def dropped(self) -> list[str]:
        """The parameters that the caller gave but the last request left out."""
        return [name for name in self._without if getattr(self._asked, name) is not None]

    @property
    def warnings(self) -> list[str]:
        """Warnings for the caller about values that were changed."""
        asked, sent = self._asked.reasoning_effort, self.sent.reasoning_effort
        changed = sent not in (asked, None)
        return [f"reasoning_effort: {self._asked.model} has no {asked!r}, so {sent!r} was sent"] if changed else []

    def learn(self, error: CompletionError) -> bool:
        """Learn from a refusal, and return whether the next request will differ from the last.

        Args:
            error: The provider's answer to the last request.
        """
        if not isinstance(error, InvalidRequestError | ContextLengthError):
            return False
        if self._learn_limit(error):
            return True
        sent = [name for name in (*OPTIONAL_PARAMETERS, CACHE_KEY) if getattr(self.sent, name) is not None]
        found = refused_parameter(error, sent, self._provider.native_names)
        if found is None:
            return False
        name, refusal = found
        if refusal is Refusal.PARAMETER:
            self._learnt.refused.add((name, self._effort()))
        elif refusal is Refusal.COMBINATION:
            self._left_out.add(name)
        else:
            return name == "reasoning_effort" and self._learn_efforts(error)
        return True

    def _learn_limit(self, error: CompletionError) -> bool:
        """Lower our default limit if that is what the provider refused. A limit that the caller set is never changed."""
        is_ours = self._asked.max_tokens is None and self._learnt.max_tokens is None
        if not is_ours or not any(number in error.message for number in _OUR_LIMIT):
            return False
        self._learnt.max_tokens = MAX_TOKENS_DEFAULT
        return True

    def _learn_efforts(self, error: CompletionError) -> bool:
        """Remember the efforts that a refusal lists, unless they include the one we sent."""
        named = tuple(efforts_named(error.message))
        if not named or self.sent.reasoning_effort in named:
            return False
        self._learnt.efforts = named
        return True

    def _effort(self) -> ReasoningEffort | None:
        """Return the effort to send: the one asked for, or the nearest one that the model supports."""
        asked = self._asked.reasoning_effort
        if asked is None:
            return None
        has = self._learnt.efforts or self._provider.efforts(self._asked.model or "")
        return nearest(asked, has) if has else asked


def cache_key(request: CompletionRequest) -> str:
    """Return a key that is the same for all requests whose prompt begins in the same way. Nothing can be read from it.

    A prompt begins with the answer's schema and the system prompt. What was asked does not count, as it differs each time.
    """
    from hashlib import blake2b

    beginning = msgspec.json.encode([request.model, request.system, request.response_schema])
    return blake2b(beginning, digest_size=16, person=b"mcp-models cache").hexdigest()


def _is_free(request: CompletionRequest) -> bool:
    """Return whether we may set the temperature: not if the caller sets the sampling, or wants thinking, which it harms."""
    return request.temperature is None and request.top_p is None and request.reasoning_effort in (None, "none")
