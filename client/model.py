"""Owns `Model`: the signatures of `call()`, `acall()`, `stream()` and `astream()`, for every provider and both ways to it."""

from __future__ import annotations

import os
import threading
import time

from mcp_models.client.chunk_queue import ChunkQueue
from mcp_models.client.pending_call import PendingCall, begun
from mcp_models.client.result import result_dict
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT, TIMEOUT_DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from typing import Any, Self

    from mcp_models.client.client_session import OnProgress
    from mcp_models.client.completion_result import CompletionResult

GRACE_SECONDS = 10.0
"""How much longer than a call's own deadline its answer is waited for."""


class Model:
    """A model that answers prompts; any number of threads and coroutines may ask at once.

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
        **options: Any,
    ) -> CompletionResult:
        """Asks the model and waits for the answer.

        Args:
            prompt: What to ask.
            max_tokens: The most tokens the answer may have.
            temperature: Sampling temperature; None means `TEMPERATURE_DEFAULT`, for models that take one.
            system: Instructions that precede the prompt.
            on_progress: Takes the `params` of each MCP progress notification, in another thread: `progress` (seconds),
                `message`. What it raises ends the call.
            options: Any other argument of the tool `complete`: `messages` (then `prompt` is `""`), `top_p`, `stop`,
                `seed`, `reasoning_effort`, `response_schema`, `timeout` (seconds).

        Returns:
            A JSON-serialisable dict. Always: `output` (the text), `model`, `tokens_used`, `provider`. After a success
            also `stop_reason`, `usage` and the rest of the completion's record. After a provider's failure `output` is
            None and there are `error` (a sentence), `error_type`, `retryable`, `retry_after` (seconds or None).

        Raises:
            SessionError: The bridge to the server failed; a `RuntimeError`.
        """
        question = self._question(prompt, max_tokens, temperature, system, options)
        pending = self._begin(question.arguments, question.seconds, on_progress, None)
        return self._result(pending.wait(question.seconds), pending)

    async def acall(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        **options: Any,
    ) -> CompletionResult:
        """As `call`, in a coroutine; cancelling it stops the work."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        pending = await self._abegin(question, on_progress, None)
        return self._result(await pending.await_(question.seconds), pending)

    def stream(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Any,
    ) -> Iterator[str | CompletionResult]:
        """As `call`, but yields each piece of the text as it comes and, last, the result. Leaving early stops the work."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        stream = _Stream(question)
        pending = self._begin(question.arguments, question.seconds, None, stream.chunks.put)
        try:
            stream.chunks.end_with(pending.outcome)
            while not stream.ended:
                item = pending.wait_for(stream.chunks.next(), stream.remaining(), question.seconds)
                yield from stream.shown(item, lambda result: self._result(result, pending))
        finally:
            pending.leave()

    async def astream(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Any,
    ) -> AsyncIterator[str | CompletionResult]:
        """As `stream`, in a coroutine."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        stream = _Stream(question)
        pending = await self._abegin(question, None, stream.chunks.put)
        try:
            stream.chunks.end_with(pending.outcome)
            while not stream.ended:
                item = await pending.await_for(stream.chunks.next(), stream.remaining(), question.seconds)
                for shown in stream.shown(item, lambda result: self._result(result, pending)):
                    yield shown
        finally:
            pending.leave()

    def start(self) -> None:
        """Makes ready now rather than with the first call."""

    def close(self) -> None:
        """Gives back what the model holds and ends its calls in flight; the next call makes ready again."""

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
        on_text: Callable[[str], None] | None,
    ) -> PendingCall:
        """Asks, without waiting for the answer.

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
        on_text: Callable[[str], None] | None,  # noqa: ARG002
    ) -> PendingCall | None:
        """As `_begin`, for an event loop: None if asking would have to wait for anything."""
        return None

    async def _abegin(
        self, question: _Question, on_progress: OnProgress | None, on_text: Callable[[str], None] | None
    ) -> PendingCall:
        return self._begin_nowait(question.arguments, on_progress, on_text) or await begun(
            lambda: self._begin(question.arguments, question.seconds, on_progress, on_text)
        )

    def _question(
        self, prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: dict[str, Any]
    ) -> _Question:
        if self.model_name:
            options.setdefault("model", self.model_name)
        if self._timeout is not None:
            options.setdefault("timeout", self._timeout)
        return _Question(
            call_arguments(prompt, max_tokens, temperature, system, options),
            _seconds(options.get("timeout")) + GRACE_SECONDS,
        )

    def _result(self, result: dict[str, Any], pending: PendingCall) -> CompletionResult:
        answer = result_dict(result, self.provider, self.model_name)
        if pending.dropped:
            answer["dropped_params"] = sorted({*answer.get("dropped_params", ()), *pending.dropped})
        return answer


class _Question:
    """What is asked, and the seconds in which the answer must be there."""

    def __init__(self, arguments: dict[str, Any], seconds: float) -> None:
        self.arguments, self.seconds = arguments, seconds


class _Stream:
    """What a stream has shown so far, and how long it may go on."""

    def __init__(self, question: _Question) -> None:
        self.chunks = ChunkQueue()
        self.ended = False
        self._empty = True
        self._deadline = time.monotonic() + question.seconds

    def remaining(self) -> float:
        """Seconds until its deadline."""
        return max(0.0, self._deadline - time.monotonic())

    def shown(
        self, item: str | dict[str, Any], result: Callable[[dict[str, Any]], CompletionResult]
    ) -> Iterator[str | CompletionResult]:
        """What to yield for an item: a piece as it is; for the answer its result, after its text if there were no pieces."""
        if isinstance(item, str):
            self._empty = False
            yield item
            return
        self.ended = True
        answer = result(item)
        if self._empty and answer["output"]:
            yield answer["output"]
        yield answer


def call_arguments(
    prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of the tool `complete` for a `call`; what is None is left to the server's default."""
    arguments = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "system": system, **options}
    if prompt == "" and options.get("messages") is not None:
        del arguments["prompt"]
    return {name: value for name, value in arguments.items() if value is not None}


def _seconds(timeout: object) -> float:
    """A call's own deadline; the server will say what is wrong with one that makes no sense."""
    for candidate in (timeout, os.environ.get("MCP_MODELS_TIMEOUT")):
        try:
            seconds = float(candidate)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds < threading.TIMEOUT_MAX - GRACE_SECONDS:
            return seconds
    return TIMEOUT_DEFAULT
