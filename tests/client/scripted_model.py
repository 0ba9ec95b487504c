"""A model that does what a test says, without a server: it answers, fails, raises or hangs, at once or after a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from mcp_models.client import Model
from mcp_models.client.pending_call import PendingCall
from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR


@dataclass(frozen=True)
class Act:
    """What a model does when it is asked: first it sends the pieces, then it waits, and then it ends in its way.

    Attributes:
        text: The answer. None if there is none.
        error: The type of the failure.
        raised: The exception of the bridge.
        pieces: The text that comes first, if the caller streams.
        seconds: How long it waits. None means for ever.
        record: Further fields of the answer or the failure.
    """

    text: str | None = None
    error: str = ""
    raised: BaseException | None = None
    pieces: tuple[str, ...] = ()
    seconds: float | None = 0.0
    record: tuple[tuple[str, Any], ...] = ()

    def after(self, seconds: float) -> Act:
        """Return the same act, later."""
        return replace(self, seconds=seconds)


def says(text: str, *pieces: str, **record: Any) -> Act:
    """Answer with this text."""
    return Act(text, pieces=pieces, record=tuple(record.items()))


def fails(error: str, *pieces: str, **record: Any) -> Act:
    """Fail with an error of this type."""
    return Act(error=error, pieces=pieces, record=tuple(record.items()))


def raises(error: BaseException, *pieces: str) -> Act:
    """Fail with an exception of the bridge."""
    return Act(raised=error, pieces=pieces)


def hangs(*pieces: str) -> Act:
    """Never end."""
    return Act(pieces=pieces, seconds=None)


class ScriptedModel(Model):
    """A model that does what a test says.

    Args:
        name: The model's name. The provider has the same.
        acts: What it does, call by call. The last is repeated.

    Attributes:
        asked: The arguments of each call.
        cancelled: Set when a call has been given up.
        closed: How often it was closed.
    """

    def __init__(self, name: str, *acts: Act, timeout: float | None = None) -> None:
        super().__init__(name, f"{name}-1", timeout)
        self._acts = list(acts)
        self.asked: list[dict[str, Any]] = []
        self.cancelled = threading.Event()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def _begin(self, arguments: Any, seconds: float, on_progress: Any, on_text: Any) -> PendingCall:
        act = self._acts[min(len(self.asked), len(self._acts) - 1)]
        self.asked.append(arguments)
        pending = PendingCall(lambda _: self.cancelled.set(), lambda seconds: RuntimeError("late"))
        for piece in act.pieces if on_text else ():
            on_text(piece)
        if act.seconds == 0:
            self._end(act, pending)
        elif act.seconds is not None:
            timer = threading.Timer(act.seconds, self._end, (act, pending))
            timer.daemon = True
            timer.start()
        return pending

    def _begin_nowait(self, arguments: Any, on_progress: Any, on_text: Any) -> PendingCall:
        return self._begin(arguments, 0, on_progress, on_text)

    def _end(self, act: Act, pending: PendingCall) -> None:
        named = {"provider": self.provider, "model": self.model_name, **dict(act.record)}
        if act.raised is not None:
            pending.fail(act.raised)
        elif act.text is None:
            error = {"type": act.error, "message": f"{self.provider} has {act.error}.", "retryable": True, **named}
            pending.succeed({"content": [], "isError": True, "_meta": {META_ERROR: error}})
        else:
            meta = {META_COMPLETION: {"tokens_used": 3, **named}}
            structured = named.pop("structured", None)
            result: dict[str, Any] = {"content": [{"type": "text", "text": act.text}], "_meta": meta}
            pending.succeed(result | ({"structuredContent": structured} if structured else {}))
