"""Find the recording that answers a question, or say which one comes nearest and how it differs."""

from __future__ import annotations

import threading
from collections import deque

from mcp_models.client.tapes.exchange import TOOL_CALL, Exchange, Question, canonical
from mcp_models.servers.core.redaction import redact_keys, redact_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_COMPARED = 300
"""How many recordings to compare with a question that has no answer."""

_COMPARED_CHARACTERS = 2000
_SHOWN_CHARACTERS = 60
_SHOWN_DIFFERENCES = 5
_MISSING = object()


class Recordings:
    """The exchanges of a tape, each of which answers once. You can use it from any thread.

    Args:
        exchanges: The exchanges, in order.
        repeat: Whether the last recording of a question answers it again and again. Questions that are no tool calls, such
            as `tools/list`, are always answered again.
    """

    def __init__(self, exchanges: list[Exchange], repeat: bool = False) -> None:
        self._all, self._repeat = exchanges, repeat
        self._lock = threading.Lock()
        self._unused: dict[str, deque[Exchange]] = {}
        self._last: dict[str, Exchange] = {}
        self._times: dict[str, int] = {}
        for exchange in sorted(exchanges, key=lambda one: not _has_end(one)):  # the sort is stable: complete ones come first
            self._unused.setdefault(exchange.question.key, deque()).append(exchange)

    def take(self, question: Question, *, whole: bool = False) -> Exchange | None:
        """Return the next recording that answers a question. None if there is none, or none that is left.

        Args:
            question: What is asked.
            whole: Whether only a recording with a response will do.
        """
        with self._lock:
            queue = self._unused.get(question.key) or deque()
            fitting = [one for one in queue if one.answered or not whole]
            if fitting:
                found = next((one for one in fitting if one.question.streams == question.streams), fitting[0])
                queue.remove(found)
                self._last[question.key] = found
                return found
            if self._repeat or question.method != TOOL_CALL:
                return self._last.get(question.key) or self._handshake(question)
            return None

    def _handshake(self, question: Question) -> Exchange | None:
        """Return any handshake: a server may always answer with another version than the client offers."""
        shaken = [one for one in self._all if one.question.method == question.method == "initialize"]
        return shaken[0] if shaken else None

    def explain(self, question: Question) -> str:
        """Say that there is no answer: what was asked, the nearest recording, and the difference. Keys are left out."""
        asked = f"the tape has no answer to {question.name} {_shown(question.params.get('arguments', question.params))}"
        same = sum(one.question.key == question.key for one in self._all)
        if same:
            return redact_keys(f"{asked}: it was recorded {_times(same)}, and has been asked more often.")
        near = self._nearest(question)
        if near is None:
            return redact_keys(f"{asked}: no {question.name} was recorded.")
        differences = list(_differences("", near.question.params, question.params))
        if not differences:
            differences = ["the protocol's version"]
        told = "; ".join(differences[:_SHOWN_DIFFERENCES])
        return redact_keys(f"{asked}. The nearest recording is on line {near.line.number}. The difference: {told}.")

    def _nearest(self, question: Question) -> Exchange | None:
        from difflib import SequenceMatcher

        alike = [one for one in self._all if one.question.name == question.name]
        alike = alike or [one for one in self._all if one.question.method == question.method]
        matcher = SequenceMatcher(b=canonical(question.params)[:_COMPARED_CHARACTERS], autojunk=False)

        def likeness(exchange: Exchange) -> tuple[int, float]:
            matcher.set_seq1(canonical(exchange.question.params)[:_COMPARED_CHARACTERS])
            return -len(list(_differences("", exchange.question.params, question.params))), matcher.quick_ratio()

        return max(alike[:_COMPARED], key=likeness, default=None)


def as_recorded(method: str, params: Any) -> Question:
    """Return a question as it would stand on a tape: without keys."""
    return Question(method, redact_record(params, redact_keys))


def _has_end(exchange: Exchange) -> bool:
    return exchange.answered or exchange.request_id is None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _differences(path: str, recorded: Any, asked: Any) -> Iterator[str]:
    """Say for each place where two JSON values differ what is recorded there and what was asked."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in sorted({*recorded, *asked}, key=str):
            yield from _differences(
                f"{path}.{name}" if path else str(name), recorded.get(name, _MISSING), asked.get(name, _MISSING)
            )
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        for number, (one, other) in enumerate(zip(recorded, asked, strict=True)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif recorded is _MISSING or asked is _MISSING or canonical(recorded) != canonical(asked):
        start = _first_difference(recorded, asked)
        yield f"{path} is {_shown(recorded, start)} on the tape, {_shown(asked, start)} was asked"


def _first_difference(one: Any, other: Any) -> int:
    """Return where two long texts begin to differ, less a few characters."""
    if not isinstance(one, str) or not isinstance(other, str):
        return 0
    same = next((number for number, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(one), len(other)) if same is None else same
    return max(0, at - _SHOWN_CHARACTERS // 3) if max(len(one), len(other)) > _SHOWN_CHARACTERS else 0


def _shown(value: Any, start: int = 0) -> str:
    """Return a short form of a value, from a character on if it is a text."""
    if value is _MISSING:
        return "nothing"
    text = canonical(value)
    if isinstance(value, str) and start:
        text = f'"…{canonical(value[start:])[1:]}'
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
