"""Adapts a request to what its model takes, and learns that from the provider's refusals."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT, TOOL_MAX_TOKENS_DEFAULT
from mcp_models.servers.core.completion import OPTIONAL_PARAMETERS, CompletionRequest, ReasoningEffort
from mcp_models.servers.core.effort import efforts_named, nearest
from mcp_models.servers.core.errors import CompletionError, ContextLengthError, InvalidRequestError
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.refusals import Refusal, refused_parameter

# Our own limit, as a refusal quotes it.
_OUR_LIMIT = (str(TOOL_MAX_TOKENS_DEFAULT), f"{TOOL_MAX_TOKENS_DEFAULT:,}")


class Learnt(Struct):
    """What a model's provider has said of its parameters, for the life of the process.

    Attributes:
        refused: Each parameter that the model does not take, and the effort at which it was refused: some models take a
            temperature at one effort only.
        efforts: The efforts that the model has, if a refusal listed them.
        max_tokens: The limit to send where the caller gives none, if the usual one was refused.
    """

    refused: set[tuple[str, ReasoningEffort | None]] = msgspec.field(default_factory=set)
    efforts: tuple[ReasoningEffort, ...] | None = None
    max_tokens: int = TOOL_MAX_TOKENS_DEFAULT


class Adaptation:
    """One call's request as its model takes it.

    Args:
        asked: What the caller asked for; its model is settled.
        provider: Who is asked.
        learnt: What is known of the model; added to.
    """

    def __init__(self, asked: CompletionRequest, provider: Provider, learnt: Learnt) -> None:
        self._asked, self._provider, self._learnt = asked, provider, learnt
        self._model = asked.model or ""
        self._lacking = set(OPTIONAL_PARAMETERS) - provider.parameters | provider.ignores(self._model)
        self._left_out: set[str] = set()
        self._soft: dict[str, Any] = {}
        if _is_free(asked) and provider.takes_temperature(self._model):
            self._soft["temperature"] = TEMPERATURE_DEFAULT

    @property
    def request(self) -> CompletionRequest:
        """The request to send."""
        changes: dict[str, Any] = {"max_tokens": self._learnt.max_tokens} if self._asked.max_tokens is None else {}
        changes |= {**self._soft, "reasoning_effort": self._effort, **dict.fromkeys(self._without)}
        return msgspec.structs.replace(self._asked, **changes)

    @property
    def dropped(self) -> list[str]:
        """The parameters that the caller gave and the request lacks."""
        return sorted(name for name in self._without if getattr(self._asked, name) is not None)

    @property
    def warnings(self) -> list[str]:
        """What there is to say about a value that was changed."""
        asked, sent = self._asked.reasoning_effort, self.request.reasoning_effort
        return [f"reasoning_effort: {self._model} has no {asked!r}, so {sent!r} was sent"] if sent not in (asked, None) else []

    def learn(self, error: CompletionError) -> bool:
        """Take in a refusal and return whether the request is another one now.

        Args:
            error: What the provider said of the last request.
        """
        if not isinstance(error, InvalidRequestError | ContextLengthError):
            return False
        if self._learn_limit(error):
            return True
        sent = [name for name in OPTIONAL_PARAMETERS if getattr(self.request, name) is not None]
        found = refused_parameter(error, sent, self._provider.native_names)
        if found is None:
            return False
        name, refusal = found
        if refusal is Refusal.PARAMETER:
            self._learnt.refused.add((name, self._effort))
        elif refusal is Refusal.COMBINATION:
            self._left_out.add(name)
        else:
            return name == "reasoning_effort" and self._learn_efforts(error)
        return True

    def _learn_limit(self, error: CompletionError) -> bool:
        """Lower the limit that nobody asked for, if the refusal quotes it."""
        is_ours = self._asked.max_tokens is None and self._learnt.max_tokens == TOOL_MAX_TOKENS_DEFAULT
        if not is_ours or not any(number in error.message for number in _OUR_LIMIT):
            return False
        self._learnt.max_tokens = MAX_TOKENS_DEFAULT
        return True

    def _learn_efforts(self, error: CompletionError) -> bool:
        """Take the efforts that a refusal lists, if there is another one among them."""
        refused, named = self._effort, tuple(efforts_named(error.message))
        if not named or refused in named or self._asked.reasoning_effort is None:
            return False
        self._learnt.efforts = named
        return True

    @property
    def _without(self) -> set[str]:
        """What the request must lack."""
        effort = self._effort
        return {*self._lacking, *self._left_out, *(name for name, at in self._learnt.refused if at == effort)}

    @property
    def _effort(self) -> ReasoningEffort | None:
        """The effort to send: the one asked for, or the nearest that the model has."""
        asked = self._asked.reasoning_effort
        has = self._learnt.efforts or self._provider.efforts(self._model)
        return asked if asked is None or not has else nearest(asked, has)


def _is_free(request: CompletionRequest) -> bool:
    """Whether the sampling is left to us: the caller neither set it nor asked for thinking, which a low temperature harms."""
    return request.temperature is None and request.top_p is None and request.reasoning_effort in (None, "none")
