"""Put the lines of a tape together into exchanges: what a client sent, and everything that the server sent because of it."""

from __future__ import annotations

import json

from mcp_models.servers.core.protocol import META_STREAM, META_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from mcp_models.client.tapes.tape_file import Tape, TapeLine

    RequestId: TypeAlias = str | int

TOOL_CALL = "tools/call"
CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"


class Question:
    """A request or a notification of a client, without what differs between two sessions.

    Args:
        method: The method.
        params: Its params. Of their `_meta`, only the protocol's version counts.

    Attributes:
        key: The same text for the same question.
        streams: Whether the client asked for the text piece by piece.
        token: The client's `progressToken`, if it gave one.
    """

    def __init__(self, method: str, params: Any) -> None:
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        self.method = method
        self.token: Any = meta.get("progressToken")
        self.streams = meta.get(META_STREAM) is True
        self.params = _asked(method, params)
        self.key = canonical([method, meta.get(META_VERSION), self.params])

    @property
    def name(self) -> str:
        """What to call it: the method, and a tool's name."""
        return f"{self.method} {self.params.get('name')}" if self.method == TOOL_CALL else self.method


class Event:
    """Something that the server sent.

    Args:
        delay: How many seconds after the client's line.
        line: The line of the tape.
        of_request: Whether it is the response to the client's request, or progress on it, so that it has its id or its token.
    """

    def __init__(self, delay: float, line: TapeLine, of_request: bool) -> None:
        self.delay, self.line, self.of_request = delay, line, of_request


class Exchange:
    """A client's line, and what the server sent because of it.

    Args:
        question: What was asked.
        line: The line of the tape.
        request_id: The request's id. None for a notification.

    Attributes:
        events: What the server sent, in order.
        answered: Whether a response is among them.
        cancelled: Whether the client cancelled the request.
    """

    def __init__(self, question: Question, line: TapeLine, request_id: RequestId | None) -> None:
        self.question, self.line, self.request_id = question, line, request_id
        self.events: list[Event] = []
        self.answered = self.cancelled = False

    def add(self, line: TapeLine, of_request: bool) -> None:
        """Add a line that the server sent."""
        self.events.append(Event(max(0.0, line.seconds - self.line.seconds), line, of_request))


def exchanges(tape: Tape) -> list[Exchange]:
    """Return what was exchanged in all sessions of a tape, in order."""
    sessions: dict[str, _Session] = {}
    found: list[Exchange] = []
    for line in tape.lines:
        session = sessions.setdefault(line.session, _Session())
        if line.source == "server":
            session.sent(line)
        elif isinstance(line.message, dict) and (exchange := session.asked(line)) is not None:
            found.append(exchange)
    return found


def canonical(value: Any) -> str:
    """Return the same text for values that are the same in JSON: the order of keys does not count, and 1.0 is 1."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class _Session:
    """What is open in a session, while its lines are read."""

    def __init__(self) -> None:
        self._latest: Exchange | None = None
        self._by_id: dict[str, Exchange] = {}
        self._by_token: dict[str, Exchange] = {}

    def asked(self, line: TapeLine) -> Exchange | None:
        """Begin an exchange. Return None if the client's line was a response or a cancellation."""
        message = line.message
        method, params, request_id = message.get("method"), message.get("params"), message.get("id")
        if not isinstance(method, str):
            return None
        if method == CANCELLED and isinstance(params, dict):
            if cancelled := self._by_id.get(canonical(params.get("requestId"))):
                cancelled.cancelled = True
            return None
        exchange = self._latest = Exchange(Question(method, params), line, request_id)
        if request_id is not None:
            self._by_id[canonical(request_id)] = exchange
            if exchange.question.token is not None:
                self._by_token[canonical(exchange.question.token)] = exchange
        return exchange

    def sent(self, line: TapeLine) -> None:
        """Add what the server sent to the exchange that it belongs to. What belongs to none follows the client's last line."""
        message = line.message if isinstance(line.message, dict) else {}
        if "method" not in message and (exchange := self._by_id.get(canonical(message.get("id")))):
            exchange.add(line, of_request=True)
            exchange.answered = True
        elif message.get("method") == PROGRESS and (exchange := self._by_token.get(canonical(_token_of(message)))):
            exchange.add(line, of_request=True)
        elif self._latest is not None:
            self._latest.add(line, of_request=False)


def _asked(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params without what says nothing about the answer."""
    if method == "initialize":  # the client's name and capabilities change with each of its versions
        return {"protocolVersion": params.get("protocolVersion")}
    asked = {name: value for name, value in params.items() if name != "_meta"}
    if method == TOOL_CALL:
        asked["arguments"] = asked.get("arguments") or {}
    return asked


def _token_of(message: Mapping[str, Any]) -> Any:
    params = message.get("params")
    return params.get("progressToken") if isinstance(params, dict) else None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
