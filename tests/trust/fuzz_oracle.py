"""Say what a server owes for a line: an answer with a certain id, an error, or nothing. It shares no code with the servers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

import mcp_types.methods as wire_types
from mcp_types.jsonrpc import jsonrpc_message_adapter

from tests.peer import LEGACY, MODERN

_PARSE_ERROR = -32700


class Oracle:
    """Keep what a server owes, and check each line that it writes.

    Attributes:
        owed: How many answers are owed to each id, as JSON.
        errors: How many errors are owed to lines without an id that can be told.
        wrong: What the server did wrong.
    """

    def __init__(self) -> None:
        self.owed: Counter[str] = Counter()
        self.errors = 0
        self.wrong: list[str] = []
        self._cancelled: Counter[str] = Counter()
        self._asked: dict[str, list[tuple[str, str]]] = {}

    @property
    def done(self) -> bool:
        """Whether nothing is owed any more."""
        return not self.owed and self.errors == 0

    def sent(self, line: bytes) -> None:
        """Note a line that was sent."""
        if not line.strip():
            return
        try:
            message = json.loads(_text(line), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self.errors += 1
            return
        if not isinstance(message, dict) or ("id" in message and not _is_id(message["id"])):
            self.errors += 1
        elif _is_notification(message):
            self._note_cancellation(message)
        elif "id" not in message or ("method" not in message and ("result" in message or "error" in message)):
            self.errors += 1  # the answer to an answer has no id, either
        else:
            self._owe(message)

    def received(self, line: bytes) -> None:
        """Check a line that the server wrote."""
        try:
            jsonrpc_message_adapter.validate_json(line)
            message = json.loads(line)
            if "method" in message:
                for era in (LEGACY, MODERN):
                    wire_types.parse_server_notification(message["method"], era, message["params"])
                return
        except Exception as error:
            self.wrong.append(f"{line[:300]!r} is refused: {error}")
            return
        self._settle(line, message)

    def _settle(self, line: bytes, message: dict[str, Any]) -> None:
        key = json.dumps(message.get("id"))
        code = message.get("error", {}).get("code")
        if message.get("id") is None or code == _PARSE_ERROR:
            self.errors -= 1
            if self.errors < 0:
                self.wrong.append(f"an error that was not owed: {line[:300]!r}")
                self.errors = 0
        elif self.owed[key] > 0:
            self.owed[key] -= 1
            self._check_result(key, message)
        elif self._cancelled[key] > 0:
            self._cancelled[key] -= 1
        else:
            self.wrong.append(f"an answer that was not owed: {line[:300]!r}")
        if self.owed[key] <= 0:
            del self.owed[key]

    def _check_result(self, key: str, message: dict[str, Any]) -> None:
        """Check a result against the official types of any method that was asked under this id."""
        if "result" not in message:
            return
        refusals = []
        for method, era in self._asked.get(key, []):
            try:
                if method != "ping":
                    wire_types.validate_server_result(method, era, message["result"])
                return
            except Exception as error:
                refusals.append(f"{method}: {error}")
        self.wrong.append(f"a result that the official types refuse: {str(message)[:300]}: {refusals[:1]}")

    def _owe(self, message: dict[str, Any]) -> None:
        key = json.dumps(_mended(message["id"]))
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        era = MODERN if isinstance(meta, dict) and "io.modelcontextprotocol/protocolVersion" in meta else LEGACY
        self.owed[key] += 1
        method = str(message.get("method"))
        self._asked.setdefault(key, []).append((method, MODERN if method == "server/discover" else era))

    def _note_cancellation(self, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        if message["method"] == "notifications/cancelled" and _is_id(params.get("requestId")):
            key = json.dumps(_mended(params["requestId"]))
            self._cancelled[key] += self.owed.pop(key, 0)


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_notification(message: dict[str, Any]) -> bool:
    return (
        "id" not in message
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("params", {}), dict)
    )


def _text(line: bytes) -> str:
    return line.strip().removeprefix(b"\xef\xbb\xbf").decode()


def _mended(value: Any) -> Any:
    """Return an id as it comes back: half of a surrogate pair cannot be written in UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
