"""Define `Recorded`, a model that holds another, writes its answers to a tape, and gives them again without it."""

from __future__ import annotations

import threading

from mcp_models.client.errors import ServerProtocolError
from mcp_models.client.model import Model
from mcp_models.client.pending_call import PendingCall
from mcp_models.client.tapes.errors import NotOnTapeError, TapeError
from mcp_models.client.tapes.model_tape import ModelTape, question
from mcp_models.servers.core.protocol import META_DELTA
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from mcp_models.client.pending_requests import OnProgress
    from mcp_models.client.stream import OnText
    from mcp_models.client.tapes.exchange import Exchange

    Mode: TypeAlias = Literal["replay", "record", "auto"]

MODES = ("replay", "record", "auto")


class Recorded(Model):
    """A model whose answers are on a tape.

    Args:
        model: The model, or a function that returns it. A function is not called as long as the tape has all answers, so a
            replay needs no key and no server.
        tape: The file. `mcp-models tape record` writes such files too.
        mode: `replay` takes every answer from the tape. `record` asks the model, and writes the tape anew. `auto` asks the
            model what the tape has no answer to, and adds that.
        speed: How fast the pieces of a stream and the answers come: 1 as recorded, 10 ten times as fast, 0 at once.
        repeat: Whether the last recording of a question answers it again and again, when it is asked more often than recorded.

    Raises:
        ValueError: There is no such mode, or the speed is negative.
        TapeError: The tape cannot be read. Each call raises it too if the tape cannot be written, and a `NotOnTapeError` if
            the tape has no answer.
    """

    def __init__(
        self,
        model: Model | Callable[[], Model],
        tape: str | os.PathLike[str],
        mode: Mode = "replay",
        *,
        speed: float = 0.0,
        repeat: bool = False,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
        if not speed >= 0:
            raise ValueError(f"speed: expected a number ≥ 0, got {speed!r}")
        self._mode, self._speed = mode, speed
        self._make, self._model = model, model if isinstance(model, Model) else None
        self._lock = threading.Lock()
        self._tape = ModelTape(tape, reads=mode != "record", must_exist=mode == "replay", adds=mode == "auto", repeat=repeat)
        header = self._tape.header
        if self._model is None and (mode == "record" or not header):
            if mode == "replay":
                super().__init__("", "")
            else:
                self._inner()
        elif self._model is None:
            super().__init__(str(header.get("provider", "")), str(header.get("model", "")))
        if self._model is not None:
            super().__init__(self._model.provider, self._model.model_name, self._model._timeout)

    def start(self) -> None:
        """Start the model, unless all answers come from the tape."""
        if self._mode == "record":
            self._inner().start()

    def close(self) -> None:
        """Close the tape, and the model that was asked. The next call opens them again.

        Raises:
            TapeError: Something could not be written to the tape.
        """
        if self._model is not None:
            self._model.close()
        self._tape.close()

    def _inner(self) -> Model:
        """Return the model to ask. It is made on first use.

        Raises:
            TapeError: It is another model than the one on the tape, whose name the calls have had so far.
        """
        with self._lock:
            if self._model is None:
                assert not isinstance(self._make, Model)
                model, header = self._make(), self._tape.header
                if header and (model.provider, model.model_name) != (self.provider, self.model_name):
                    names = [f"{one.provider}/{one.model_name or 'default'}" for one in (self, model)]
                    raise TapeError(f"{self._tape.path}: this is a tape of {names[0]}, not of {names[1]}: record it anew")
                self._model = model
            return self._model

    def _begin(
        self, arguments: dict[str, Any], seconds: float, on_progress: OnProgress | None, on_text: OnText | None
    ) -> PendingCall:
        if played := self._begin_nowait(arguments, on_progress, on_text):
            return played
        model = self._inner()
        call = self._tape.begin(model, arguments, streams=on_text is not None)

        def take_progress(params: dict[str, Any]) -> None:
            call.progress(params)
            if on_progress is not None:
                on_progress(params)

        def take_text(piece: str) -> None:
            call.progress({"_meta": {META_DELTA: piece}})
            if on_text is not None:
                on_text(piece)

        pending = model._begin(arguments, seconds, take_progress if on_progress else None, take_text if on_text else None)
        return pending.after(lambda done: call.end(done, pending.not_sent))

    def _begin_nowait(
        self, arguments: dict[str, Any], on_progress: OnProgress | None, on_text: OnText | None
    ) -> PendingCall | None:
        """Return a call that is answered from the tape. None if the model has to be asked."""
        if self._mode == "record":
            return None
        asked = question(arguments, streams=on_text is not None)
        exchange = self._tape.recordings.take(asked, whole=self._mode == "auto")
        if exchange is not None:
            return self._play(exchange, on_progress, on_text)
        if self._mode == "auto":
            return None
        raise NotOnTapeError(f"{self._tape.path}: {self._tape.recordings.explain(asked)}")

    def _play(self, exchange: Exchange, on_progress: OnProgress | None, on_text: OnText | None) -> PendingCall:
        stopped = threading.Event()
        pending = PendingCall(lambda _: stopped.set(), lambda seconds: TapeError(f"no answer within {seconds:g} s"))
        arguments = (exchange, pending, stopped, on_progress, on_text)
        if self._speed == 0:
            self._deliver(*arguments)
        else:
            threading.Thread(target=self._deliver, args=arguments, name="replay a tape", daemon=True).start()
        return pending

    def _deliver(
        self,
        exchange: Exchange,
        pending: PendingCall,
        stopped: threading.Event,
        on_progress: OnProgress | None,
        on_text: OnText | None,
    ) -> None:
        """Give what was recorded to the callbacks and to the call, each part at its time."""
        passed = 0.0
        try:
            for event in exchange.events:
                if self._speed and stopped.wait((event.delay - passed) / self._speed):
                    return
                passed, message = event.delay, event.line.message
                if "method" not in message:
                    pending.not_sent = event.line.not_sent
                    _answer(pending, json_codec.decode(event.line.raw))  # decoded again: the caller may change it
                elif event.of_request:
                    _report(message["params"], on_progress, on_text)
            pending.fail(TapeError(f"{self._tape.path}: the recording on line {exchange.line.number} ends before the answer"))
        except Exception as error:  # from a callback: as with any model, the call ends with that
            pending.fail(error)


def _answer(pending: PendingCall, message: dict[str, Any]) -> None:
    if isinstance(message.get("result"), dict):
        pending.succeed(message["result"])
    else:
        error = message.get("error")
        told = error.get("message") if isinstance(error, dict) else None
        pending.fail(ServerProtocolError(str(told or "the server answered with no result")))


def _report(params: dict[str, Any], on_progress: OnProgress | None, on_text: OnText | None) -> None:
    if on_progress is not None:
        on_progress({name: value for name, value in params.items() if name != "progressToken"})
    meta = params.get("_meta")
    piece = meta.get(META_DELTA) if isinstance(meta, dict) else None
    if on_text is not None and isinstance(piece, str):
        on_text(piece)
