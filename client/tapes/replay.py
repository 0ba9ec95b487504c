"""Be the server that was recorded on a tape: answer each request with its recording, without a network or a key."""

from __future__ import annotations

import contextlib
import os
import sys

from mcp_models.client.tapes.exchange import CANCELLED, TOOL_CALL, Exchange, canonical, exchanges
from mcp_models.client.tapes.recordings import Recordings, as_recorded
from mcp_models.client.tapes.renaming import renamed
from mcp_models.client.tapes.schedule import Schedule
from mcp_models.client.tapes.tape_file import read_tape
from mcp_models.servers.core import __version__, protocol
from mcp_models.servers.core.protocol import META_ERROR, META_SERVER_INFO, META_VERSION, ProtocolError
from mcp_models.servers.core.redaction import RedactedLog, protect_environment
from mcp_models.servers.core.transport import json_codec
from mcp_models.servers.core.transport.lines import LineBuffer, LineTooLongError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mcp_models.client.tapes.exchange import Question

CHUNK_BYTES = 1 << 16


def replay(path: str, speed: float = 0.0, repeat: bool = False) -> int:
    """Answer what comes on stdin as the tape's server did, until stdin ends or nobody reads stdout.

    Args:
        path: The tape.
        speed: How fast: 1 as it was recorded, 2 twice as fast, 0 at once.
        repeat: Whether a call's last recording answers it again and again.

    Returns:
        The exit code: 0, or 1 if something had no answer.

    Raises:
        TapeError: The tape cannot be read.
    """
    source, target = os.dup(0), os.dup(1)
    for descriptor in (source, target):
        with contextlib.suppress(OSError):
            os.set_blocking(descriptor, True)  # a host may share the pipe and have made it non-blocking
    with open(os.devnull, "rb") as null:
        os.dup2(null.fileno(), 0)
    os.dup2(2, 1)  # a stray `print` must not reach the host
    sys.stdout = sys.stderr = log = RedactedLog(2)
    protect_environment()
    tape = read_tape(path)
    if tape.skipped:
        log.write(f"mcp-models tape: {path}: lines that make no sense were left out: {', '.join(map(str, tape.skipped))}\n")
    server = ReplayServer(Recordings(exchanges(tape), repeat), Schedule(target, speed), log.write)
    buffer = LineBuffer()
    with contextlib.suppress(BrokenPipeError):
        while chunk := os.read(source, CHUNK_BYTES):
            for line in buffer.feed(chunk):
                server.receive(line)
        for line in buffer.rest():
            server.receive(line)
        server.finish()
    return int(server.missed > 0)


class ReplayServer:
    """The server of a tape.

    Args:
        recordings: What it can answer.
        schedule: Where its lines go.
        say: Called with a line for a person that says what there is no answer to.

    Attributes:
        missed: How many requests had no answer.
    """

    def __init__(self, recordings: Recordings, schedule: Schedule, say: Callable[[str], object]) -> None:
        self._recordings, self._schedule, self._say = recordings, schedule, say
        self.missed = 0

    def receive(self, line: bytes | LineTooLongError) -> None:
        """Take a line of the client, and send or schedule what the server sent because of it.

        Raises:
            BrokenPipeError: Nobody reads the answers any more.
        """
        try:
            message = _message(line)
            method, request_id = message.get("method"), message.get("id")
            if not isinstance(method, str):
                return  # the response to a request of the server's: its recording has gone on already
            if method == CANCELLED:
                self._cancel(message)
                return
            question = as_recorded(method, message.get("params"))
        except ProtocolError as error:
            self._schedule.send(json_codec.encode(protocol.error_response(error)))
            return
        exchange = self._recordings.take(question)
        if exchange is not None and (request_id is None or exchange.answered or exchange.cancelled):
            self._play(exchange, request_id, _token(message))
        elif method == "ping" and request_id is not None:
            self._schedule.send(json_codec.encode({"jsonrpc": "2.0", "id": request_id, "result": {}}))
        elif request_id is not None:
            self._miss(question, message, exchange)

    def finish(self) -> None:
        """Send what is still scheduled.

        Raises:
            BrokenPipeError: Nobody reads the answers any more.
        """
        self._schedule.finish()

    def _play(self, exchange: Exchange, request_id: Any, token: Any) -> None:
        name = None if request_id is None else canonical(request_id)
        for event in exchange.events:
            if (line := renamed(event, request_id, token)) is not None:
                self._schedule.send(line + b"\n", event.delay, name)

    def _cancel(self, message: dict[str, Any]) -> None:
        """Send nothing more for a request: what a server does that is told to cancel it."""
        params = message.get("params")
        self._schedule.drop(canonical(params.get("requestId") if isinstance(params, dict) else None))

    def _miss(self, question: Question, message: dict[str, Any], exchange: Exchange | None) -> None:
        """Say that there is no answer: to the person on stderr, and to the client as an error."""
        told = self._recordings.explain(question)
        if exchange is not None:
            told = f"the recording of {question.name} on line {exchange.line.number} ends before the answer."
        self.missed += 1
        self._say(f"mcp-models tape: {told}\n")
        if question.method != TOOL_CALL:
            error = ProtocolError(protocol.METHOD_NOT_FOUND, told, None, message["id"])
            self._schedule.send(json_codec.encode(protocol.error_response(error)))
            return
        details = {"type": "configuration", "message": told, "retryable": False}
        result: dict[str, Any] = {"content": [{"type": "text", "text": told}], "isError": True}
        result["_meta"] = {META_ERROR: details}
        if META_VERSION in ((message.get("params") or {}).get("_meta") or {}):
            result["resultType"] = "complete"
            result["_meta"][META_SERVER_INFO] = {"name": "mcp-models tape", "version": __version__}
        self._schedule.send(json_codec.encode({"jsonrpc": "2.0", "id": message["id"], "result": result}))


def _message(line: bytes | LineTooLongError) -> dict[str, Any]:
    """Return a line as a message.

    Raises:
        ProtocolError: It is none.
    """
    if isinstance(line, LineTooLongError):
        raise ProtocolError(protocol.INVALID_REQUEST, str(line))
    try:
        message = json_codec.decode(line)
    except ValueError as error:
        raise ProtocolError(protocol.PARSE_ERROR, f"not a line of JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError(protocol.INVALID_REQUEST, f"expected a JSON-RPC object, got {json_codec.kind(message)}")
    return message


def _token(message: dict[str, Any]) -> Any:
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta.get("progressToken") if isinstance(meta, dict) else None
