"""Define `Model`: the signatures of `call()`, `acall()`, `stream()` and `astream()`, for every provider and both ways to it."""

from __future__ import annotations

import os
import threading

from mcp_models.client.pending_call import PendingCall, begun
from mcp_models.client.stream import AsyncCompletionStream, CompletionStream
from mcp_models.client.tool_result import read_tool_result
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT, TIMEOUT_DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, Unpack

    from mcp_models.client.client_session import OnProgress
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.options import CallOptions
    from mcp_models.client.stream import OnText

GRACE_SECONDS = 10.0
"""How much longer than a call's own deadline its answer is waited for."""

CALL_OPTIONS = frozenset(
    ("messages", "model", "top_p", "stop", "seed", "reasoning_effort", "response_schema", "timeout", "extra_arguments")
)
"""The names in `CallOptions`, which is imported for type checkers only."""


class Model:
    """A model that answers prompts. Any number of threads and coroutines may ask it at once.

    Args:
        provider: The provider's name, for results: `openai`.
        model_name: The provider's name of the model.
        timeout: Seconds a call may take, unless it says otherwise; None means MCP_MODELS_TIMEOUT or 600.
    """

    TEMPERATURE_DEFAULT = TEMPERATURE_DEFAULT

    def __init__(self, provider: str, model_name: str, timeout: float | None = None) -> None:
        self.provider = provider
        self.model_name = model_name
        self._timeout = timeout

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> CompletionResult:
        """Ask the model and wait for the answer.

        Args:
            prompt: What to ask.
            max_tokens: The most tokens the answer may have.
            temperature: Sampling temperature; None means `TEMPERATURE_DEFAULT`, for models that take one.
            system: Instructions that precede the prompt.
            on_progress: Takes the `params` of each MCP progress notification, in another thread: `progress` (seconds),
                `message`. What it raises ends the call.
            options: Further arguments of the tool `complete`: see `CallOptions`.

        Returns:
            A JSON-serialisable dict. An answer is a `CompletionSuccess`: `output` (the text), `model`, `tokens_used`,
            `provider` and the rest of its record. A provider's failure is a `CompletionFailure`: `output` is None, and
            `error` (a sentence), `error_type`, `retryable` and `retry_after` (seconds or None) say why.

        Raises:
            SessionError: The bridge to the server failed; a `RuntimeError`.
            TypeError: There is no such option, or JSON cannot hold its value.
        """
        question = self._question(prompt, max_tokens, temperature, system, options)
        pending = self._begin(question.arguments, question.seconds, on_progress, None)
        return self._read(pending.wait(question.seconds), pending)

    async def acall(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> CompletionResult:
        """Do what `call` does, in a coroutine; cancelling it stops the work."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        pending = await self._abegin(question, on_progress, None)
        return self._read(await pending.await_(question.seconds), pending)

    def stream(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Unpack[CallOptions],
    ) -> CompletionStream:
        """Return an iterator over the pieces of the text as they come; at its end, its `result` is what `call` returns."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        return CompletionStream(
            lambda on_text: self._begin(question.arguments, question.seconds, None, on_text), self._read, question.seconds
        )

    def astream(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncCompletionStream:
        """Do what `stream` does, for `async for`."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        return AsyncCompletionStream(lambda on_text: self._abegin(question, None, on_text), self._read, question.seconds)

    def start(self) -> None:
        """Start what the model needs now, rather than with the first call."""

    def close(self) -> None:
        """Give back what the model holds and end its calls in flight. The next call starts it again."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        import asyncio

        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        import asyncio

        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider!r}, model_name={self.model_name!r})"

    def _begin(
        self,
        arguments: dict[str, Any],
        seconds: float,
        on_progress: OnProgress | None,
        on_text: OnText | None,
    ) -> PendingCall:
        """Ask, and return without waiting for the answer.

        Args:
            arguments: Those of the tool `complete`.
            seconds: How long asking may take.
            on_progress: Takes each progress notification.
            on_text: Takes each piece of text.
        """
        raise NotImplementedError

    def _begin_nowait(
        self,
        arguments: dict[str, Any],  # noqa: ARG002
        on_progress: OnProgress | None,  # noqa: ARG002
        on_text: OnText | None,  # noqa: ARG002
    ) -> PendingCall | None:
        """Do what `_begin` does, for an event loop; return None if asking would have to wait for anything."""
        return None

    async def _abegin(self, question: _Question, on_progress: OnProgress | None, on_text: OnText | None) -> PendingCall:
        return self._begin_nowait(question.arguments, on_progress, on_text) or await begun(
            lambda: self._begin(question.arguments, question.seconds, on_progress, on_text)
        )

    def _question(
        self, prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: CallOptions
    ) -> _Question:
        if unknown := options.keys() - CALL_OPTIONS:
            raise TypeError(f"unknown option {min(unknown)!r}; there are {', '.join(sorted(CALL_OPTIONS))}")
        extra = options.pop("extra_arguments", None)
        arguments = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "system": system, **options}
        if prompt == "" and options.get("messages") is not None:
            del arguments["prompt"]
        if self.model_name:
            arguments.setdefault("model", self.model_name)
        if self._timeout is not None:
            arguments.setdefault("timeout", self._timeout)
        given = {name: value for name, value in arguments.items() if value is not None}
        return _Question({**given, **(extra or {})}, _seconds(arguments.get("timeout")) + GRACE_SECONDS)

    def _read(self, result: dict[str, Any], pending: PendingCall) -> CompletionResult:
        return read_tool_result(result, self.provider, self.model_name, pending.not_sent)


class _Question:
    """What to ask, and the seconds in which the answer must be there."""

    def __init__(self, arguments: dict[str, Any], seconds: float) -> None:
        self.arguments, self.seconds = arguments, seconds


def _seconds(timeout: object) -> float:
    """Return a call's own deadline; the server will say what is wrong with one that makes no sense."""
    for candidate in (timeout, os.environ.get("MCP_MODELS_TIMEOUT")):
        try:
            seconds = float(candidate)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds < threading.TIMEOUT_MAX - GRACE_SECONDS:
            return seconds
    return TIMEOUT_DEFAULT
