"""Define `ModelGroup`: a model that asks other models, in a loop of its own."""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import Generic, TypeVar

from mcp_models.client import fork_safety
from mcp_models.client.errors import SessionError
from mcp_models.client.loop_thread import LoopThread
from mcp_models.client.model import GRACE_SECONDS, Model, Question
from mcp_models.client.stream import AsyncCompletionStream, CompletionStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Unpack

    from mcp_models.client.attempt import GroupRequest
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.options import CallOptions
    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress
    from mcp_models.client.stream import OnText
    from mcp_models.servers.core import MAX_TOKENS_DEFAULT

Result_co = TypeVar("Result_co", bound="CompletionResult", covariant=True)

_OF_THIS_PROCESS = ("_lock", "_loop", "_end_loop")


class ModelGroup(Model, Generic[Result_co]):
    """A model that asks other models, of any kind. It asks them as you would, with `acall` and `astream`.

    Args:
        provider: The group's name, in the place of a provider's.
        models: The models to ask. They may be in use elsewhere, too.
        timeout: Seconds that a call may take in all, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600.

    Attributes:
        models: The models.
    """

    def __init__(self, provider: str, models: Sequence[Model], timeout: float | None) -> None:
        if not models:
            raise TypeError(f"{type(self).__name__} needs at least one model")
        for model in models:
            if not isinstance(model, Model):
                raise TypeError(f"{type(self).__name__} takes models, got {model!r}")
        if timeout is not None:
            check_seconds("timeout", timeout)
        super().__init__(provider, "", timeout)
        self.models = tuple(models)
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None
        self._end_loop: weakref.finalize[Any, ModelGroup[Result_co]] | None = None
        fork_safety.remember(self)

    def start(self) -> None:
        """Start all models now, at the same time. One that cannot be started says so when it is asked."""
        from concurrent.futures import ThreadPoolExecutor

        def start(model: Model) -> None:
            with suppress(SessionError):
                model.start()

        with ThreadPoolExecutor(len(self._all_models()), "mcp-models start") as threads:
            list(threads.map(start, self._all_models()))

    def close(self) -> None:
        """End the calls in flight, and close all models. The next call starts them again."""
        with self._lock:
            end, self._loop, self._end_loop = self._end_loop, None, None
        if end is not None:
            end()
        for model in self._all_models():
            model.close()

    def after_fork(self) -> None:
        """Leave the thread to the parent. The next call starts another one."""
        if self._end_loop is not None:
            self._end_loop.detach()
        self._lock, self._loop, self._end_loop = threading.Lock(), None, None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.models))})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a copy in another process, if its models can be copied."""
        return {name: value for name, value in self.__dict__.items() if name not in _OF_THIS_PROCESS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._loop, self._end_loop = threading.Lock(), None, None
        fork_safety.remember(self)

    def _all_models(self) -> tuple[Model, ...]:
        """Return every model that it uses."""
        return self.models

    async def _answer(self, request: GroupRequest) -> Result_co:
        """Ask the models and return the result. Cancelling it stops all work."""
        raise NotImplementedError

    def _question(
        self, prompt: str, max_tokens: int, temperature: float | None, system: str | None, options: CallOptions
    ) -> Question:
        if options.get("model") is not None:
            raise TypeError(f"{type(self).__name__} takes no option `model`: each of its models has its own")
        if (timeout := options.get("timeout")) is not None:
            check_seconds("timeout", timeout)
        question = super()._question(prompt, max_tokens, temperature, system, {**options})  # this knows the names, and the time
        asked = {name: value for name, value in options.items() if name != "timeout"}
        usual = {"prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "system": system}
        return Question({**usual, **asked}, question.seconds)

    def _begin(
        self, arguments: dict[str, Any], seconds: float, on_progress: OnProgress | None, on_text: OnText | None
    ) -> PendingCall:
        from mcp_models.client.attempt import GroupRequest

        request = GroupRequest(arguments, seconds - GRACE_SECONDS, on_progress, on_text)
        return self._started_loop().begin(lambda: self._answer(request))

    async def _abegin(self, question: Question, on_progress: OnProgress | None, on_text: OnText | None) -> PendingCall:
        return self._begin(question.arguments, question.seconds, on_progress, on_text)  # it never has to wait

    def _read(self, result: dict[str, Any], pending: PendingCall) -> CompletionResult:  # noqa: ARG002
        answer: Any = result  # it is no tool's result, but what `_answer` has returned
        return answer  # type: ignore[no-any-return]

    def _started_loop(self) -> LoopThread:
        with self._lock:
            if self._loop is None:
                self._loop = LoopThread(f"{self.provider} of models")
                self._end_loop = weakref.finalize(self, self._loop.close)
            return self._loop

    if TYPE_CHECKING:  # the same as in `Model`, with a more precise result

        def call(
            self,
            prompt: str,
            max_tokens: int = MAX_TOKENS_DEFAULT,
            temperature: float | None = None,
            system: str | None = None,
            *,
            on_progress: OnProgress | None = None,
            **options: Unpack[CallOptions],
        ) -> Result_co:
            """Ask the models and wait for the answer."""
            ...

        async def acall(
            self,
            prompt: str,
            max_tokens: int = MAX_TOKENS_DEFAULT,
            temperature: float | None = None,
            system: str | None = None,
            *,
            on_progress: OnProgress | None = None,
            **options: Unpack[CallOptions],
        ) -> Result_co:
            """Do the same, in a coroutine."""
            ...

        def stream(
            self,
            prompt: str,
            max_tokens: int = MAX_TOKENS_DEFAULT,
            temperature: float | None = None,
            system: str | None = None,
            **options: Unpack[CallOptions],
        ) -> GroupStream[Result_co]:
            """Return an iterator over the text."""
            ...

        def astream(
            self,
            prompt: str,
            max_tokens: int = MAX_TOKENS_DEFAULT,
            temperature: float | None = None,
            system: str | None = None,
            **options: Unpack[CallOptions],
        ) -> AsyncGroupStream[Result_co]:
            """Return an asynchronous iterator over the text."""
            ...


if TYPE_CHECKING:

    class GroupStream(CompletionStream, Generic[Result_co]):
        """A stream whose result is more precise."""

        @property
        def result(self) -> Result_co:
            """The whole result, once you have read the stream to its end."""
            ...

    class AsyncGroupStream(AsyncCompletionStream, Generic[Result_co]):
        """A stream whose result is more precise."""

        @property
        def result(self) -> Result_co:
            """The whole result, once you have read the stream to its end."""
            ...


def check_seconds(name: str, value: object) -> None:
    """Check that a value is a number of seconds.

    Raises:
        ValueError: It is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < threading.TIMEOUT_MAX - GRACE_SECONDS:  # type: ignore[operator]
        raise ValueError(f"{name}: expected a number of seconds > 0, got {value!r}")
