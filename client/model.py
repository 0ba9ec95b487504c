"""Define `Model`, with `call()`, `acall()`, `stream()` and `astream()`. They are the same for every kind of model."""

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

    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.options import CallOptions
    from mcp_models.client.pending_requests import OnProgress
    from mcp_models.client.stream import OnText

GRACE_SECONDS = 10.0
"""How many seconds longer than a call's own deadline to wait for its answer."""

CALL_OPTIONS = frozenset(
    [
        *("messages", "model", "top_p", "stop", "seed", "reasoning_effort", "response_schema", "service_tier", "timeout"),
        *("files", "web_search", "extra_arguments"),
    ]
)
"""The names in `CallOptions`, repeated here because that class is imported for type checkers only."""


class Model:
    """A model that answers prompts. You can use it from any number of threads and coroutines at once.

    Args:
        provider: The provider's name in results, such as `openai`.
        model_name: The model's name, as the provider knows it.
        timeout: Seconds that a call may take, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600.
    """

    TEMPERATURE_DEFAULT = TEMPERATURE_DEFAULT

    def __init__(self, provider: str, model_name: str, timeout: float | None = None) -> None:
        self.provider = provider
        self.model_name = model_name
        self._timeout = timeout

    @property
    def timeout(self) -> float | None:
        """Seconds that a call may take, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600."""
        return self._timeout

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
            max_tokens: The limit for the answer, in tokens.
            temperature: The sampling temperature. None means `TEMPERATURE_DEFAULT`, for models that accept one.
            system: Instructions for the model, placed before the prompt.
            on_progress: Called with the `params` of each MCP progress notification, in another thread. They contain `progress`
                (in seconds) and `message`. If it raises an exception, the call ends with that.
            options: Further arguments of the tool `complete`. See `CallOptions`.

        Returns:
            A JSON-serialisable dict. An answer is a `CompletionSuccess`, with `output` (the text), `model`, `tokens_used`,
            `provider` and more. A provider's failure is a `CompletionFailure`. Its `output` is None, and `error` (a
            sentence), `error_type`, `retryable` and `retry_after` (seconds or None) tell you what went wrong.

        Raises:
            SessionError: Something went wrong between this process and the server. It is a `RuntimeError`.
            TypeError: There is no such option, or its value cannot be expressed in JSON.
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
        """Ask the model as `call` does, but as a coroutine. Cancelling it stops the work."""
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
        """Return an iterator over the text as it arrives. After the last piece, its `result` is what `call` would return."""
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
        """Return an asynchronous iterator over the text as it arrives. Otherwise it is the same as `stream`."""
        question = self._question(prompt, max_tokens, temperature, system, options)
        return AsyncCompletionStream(lambda on_text: self._abegin(question, None, on_text), self._read, question.seconds)

    def start(self) -> None:
        """Start what the model needs now instead of on the first call."""

    def close(self) -> None:
        """End the calls in flight and release what the model holds. The next call starts it again."""

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
        """Start a call, and return without waiting for the answer.

        Args:
            arguments: The arguments of the tool `complete`.
            seconds: How long the call may take.
            on_progress: Called with each progress notification.
            on_text: Called with each piece of text.
        """
        raise NotImplementedError

    def _begin_nowait(
        self,
        arguments: dict[str, Any],  # noqa: ARG002
        on_progress: OnProgress | None,  # noqa: ARG002
        on_text: OnText | None,  # noqa: ARG002
    ) -> PendingCall | None:
        """Start a call as `_begin` does, but never block an event loop: return None if the start would have to wait."""
        return None

    async def _abegin(self, question: Question, on_progress: OnProgress | None, on_text: OnText | None) -> PendingCall:
        return self._begin_nowait(question.arguments, on_progress, on_text) or await begun(
            lambda: self._begin(question.arguments, question.seconds, on_progress, on_text)
        )

    def _question(
        self, prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: CallOptions
    ) -> Question:
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
        return Question({**given, **(extra or {})}, _seconds(arguments.get("timeout")) + GRACE_SECONDS)

    def _read(self, result: dict[str, Any], pending: PendingCall) -> CompletionResult:
        return read_tool_result(result, self.provider, self.model_name, pending.not_sent)


class Question:
    """The arguments of a call, and how many seconds the answer may take."""

    def __init__(self, arguments: dict[str, Any], seconds: float) -> None:
        self.arguments, self.seconds = arguments, seconds


def _seconds(timeout: object) -> float:
    """Return a call's timeout in seconds. If it makes no sense, ignore it here: the server will report what is wrong."""
    for candidate in (timeout, os.environ.get("MCP_MODELS_TIMEOUT")):
        try:
            seconds = float(candidate)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds < threading.TIMEOUT_MAX - GRACE_SECONDS:
            return seconds
    return TIMEOUT_DEFAULT
