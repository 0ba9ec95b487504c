"""Keep the calls of a Python model on a tape, in the form of the MCP messages that they would be."""

from __future__ import annotations

import os
import threading

from mcp_models.client.tapes.errors import TapeError
from mcp_models.client.tapes.exchange import PROGRESS, TOOL_CALL, Question, exchanges
from mcp_models.client.tapes.recordings import Recordings, as_recorded
from mcp_models.client.tapes.tape_file import Tape, TapeWriter, read_tape
from mcp_models.servers.core.protocol import META_DELTA, META_STREAM
from mcp_models.servers.core.redaction import RedactedText, protect_environment
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mcp_models.client.future import Future
    from mcp_models.client.model import Model
    from mcp_models.client.tapes.tape_file import Source

TOOL = "complete"

_NO_MATTER = "timeout"
"""The argument that says nothing about the answer."""


def question(arguments: dict[str, Any], *, streams: bool) -> Question:
    """Return a model's call as it would stand on a tape, whatever the tool is called and whichever protocol was spoken."""
    return as_recorded(TOOL_CALL, _params(arguments, {META_STREAM: True} if streams else {}))


class ModelTape:
    """The tape of a model. You can use it from any thread.

    Args:
        path: The file.
        reads: Whether to read what is on it.
        must_exist: Whether a missing file is an error.
        adds: Whether new calls are added. Otherwise they take the place of the old ones.
        repeat: Whether the last recording of a question answers it again and again.

    Attributes:
        path: The file.
        header: What its first session says about the model.
        recordings: The calls on it.

    Raises:
        TapeError: The tape cannot be read.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, reads: bool, must_exist: bool, adds: bool, repeat: bool = False
    ) -> None:
        self.path = os.fspath(path)
        self._adds = adds
        self._lock = threading.Lock()
        self._writer: TapeWriter | None = None
        self._failure: str | None = None
        self._count = 0
        protect_environment()
        if must_exist and not os.path.exists(self.path):
            raise TapeError(f"there is no tape {self.path!r}: record it first, with mode='record' or `pytest --tape=record`")
        has_content = reads and os.path.exists(self.path) and os.path.getsize(self.path) > 0
        tape = read_tape(self.path) if has_content or (reads and must_exist) else Tape()
        self.header = next(iter(tape.headers.values()), {})
        calls = [one for one in exchanges(tape) if one.question.method == TOOL_CALL and one.request_id is not None]
        for call in calls:
            call.question = question(call.question.params["arguments"], streams=call.question.streams)
        self.recordings = Recordings(calls, repeat)

    def begin(self, model: Model, arguments: dict[str, Any], *, streams: bool) -> CallOnTape:
        """Write that a call has begun, and return what writes the rest of it.

        Args:
            model: The model that is asked.
            arguments: The call's arguments.
            streams: Whether the answer is asked for piece by piece.

        Raises:
            TapeError: The tape cannot be written.
        """
        with self._lock:
            if self._writer is None:
                self._writer = self._opened({"provider": model.provider, "model": model.model_name})
            self._count += 1
            number = self._count
        call = CallOnTape(self, number)
        meta = {"progressToken": number, **({META_STREAM: True} if streams else {})}
        self.write("client", {"id": number, "method": TOOL_CALL, "params": _params(arguments, meta)})
        self._check()
        return call

    def write(self, source: Source, message: dict[str, Any], not_sent: list[str] | None = None) -> None:
        """Write a message. If that fails, the next call and `close` say so: an answer that was paid for is not lost.

        Args:
            source: Who sends it.
            message: The JSON-RPC message, without `jsonrpc`.
            not_sent: Arguments that the model could not send.
        """
        writer = self._writer
        try:
            if writer is not None and self._failure is None:
                writer.write(source, json_codec.encode({"jsonrpc": "2.0", **message}).strip(), None, not_sent)
        except OSError as error:
            self._failure = f"cannot write the tape {self.path!r}: {error.strerror}"

    def close(self) -> None:
        """Close the file, if anything was written. Later calls are added to it.

        Raises:
            TapeError: Something could not be written.
        """
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()
                self._adds = True
        self._check()

    def _opened(self, about: dict[str, Any]) -> TapeWriter:
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            return TapeWriter(self.path, about, alone=True, anew=not self._adds)
        except OSError as error:
            raise TapeError(f"cannot write the tape {self.path!r}: {error.strerror}") from None

    def _check(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise TapeError(failure)


class CallOnTape:
    """A call that is being recorded."""

    def __init__(self, tape: ModelTape, number: int) -> None:
        self._tape, self._number = tape, number
        self._text = RedactedText()

    def progress(self, params: dict[str, Any]) -> None:
        """Write what arrives before the answer: the params of a progress notification."""
        meta = params.get("_meta")
        if isinstance(meta, dict) and isinstance(piece := meta.get(META_DELTA), str):
            self._delta(params, self._text.feed(piece))  # a key may come in two pieces
        else:
            self._progress(params)

    def _delta(self, params: dict[str, Any], text: str) -> None:
        if text:
            self._progress({**params, "_meta": {**params.get("_meta", {}), META_DELTA: text}})

    def _progress(self, params: dict[str, Any]) -> None:
        self._tape.write("server", {"method": PROGRESS, "params": {**params, "progressToken": self._number}})

    def end(self, done: Future, not_sent: list[str]) -> None:
        """Write the answer. A call that failed between this process and the server has none."""
        self._delta({}, self._text.rest())
        if done.exception() is None:
            self._tape.write("server", {"id": self._number, "result": done.result()}, not_sent)


def _params(arguments: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    sent = {name: value for name, value in arguments.items() if name != _NO_MATTER}
    return {"name": TOOL, "arguments": sent, **({"_meta": meta} if meta else {})}
