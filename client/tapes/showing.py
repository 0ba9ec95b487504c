"""Turn a tape into rows for a person to read."""

from __future__ import annotations

import json

from mcp_models.client.tapes.exchange import PROGRESS, TOOL_CALL, Exchange, exchanges
from mcp_models.servers.core.protocol import META_DELTA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mcp_models.client.tapes.tape_file import Tape, TapeLine

HEADS = ("seconds", "", "id", "what", "details")
RIGHT = (0,)

_DETAILS = 100


def rows(tape: Tape, full: bool = False) -> list[tuple[str, ...]]:
    """Return a row for each line of a tape, and one for the beginning and the end of each session.

    Args:
        tape: The tape.
        full: Whether to show whole messages.
    """
    asked = {event.line.number: exchange for exchange in exchanges(tape) for event in exchange.events if event.of_request}
    found = []
    session = ""
    left = {name: sum(line.session == name for line in tape.lines) for name in tape.headers}
    for line in tape.lines:
        if line.session != session and line.session in tape.headers:
            session = line.session
            found.append(_header(tape.headers[session]))
        found.append(_row(line, asked.get(line.number), full))
        left[line.session] = left.get(line.session, 0) - 1
        if not left[line.session] and line.session in tape.exits:
            found.append(("", "", "", "exit", f"code {tape.exits[line.session]}"))
    return found


def _header(header: dict[str, Any]) -> tuple[str, ...]:
    what = (
        " ".join(header["command"]) if header.get("command") else "/".join(filter(None, map(header.get, ("provider", "model"))))
    )
    return "", "", "", "session", f"{header.get('started', '')} {what}".strip()


def _row(line: TapeLine, exchange: Exchange | None, full: bool) -> tuple[str, ...]:
    arrow = "→" if line.source == "client" else "←"
    if not isinstance(line.message, dict):
        return f"{line.seconds:.3f}", arrow, "", "no JSON", _short(line.raw.decode("utf-8", "replace"), full)
    what, details = _told(line.message, exchange)
    if full:
        details = line.raw.decode("utf-8", "replace")
    request_id = line.message.get("id")
    shown_id = "" if request_id is None else str(request_id)
    return f"{line.seconds:.3f}", arrow, shown_id, what, _short(details, full)


def _told(message: dict[str, Any], exchange: Exchange | None) -> tuple[str, str]:
    """Return what a message is, and the part of it that a person wants to see."""
    params = message.get("params") if isinstance(message.get("params"), dict) else {}
    assert isinstance(params, dict)
    method = message.get("method")
    if method == TOOL_CALL:
        return f"{method} {params.get('name')}", _text(params.get("arguments"))
    if method == PROGRESS:
        meta = params.get("_meta")
        delta = meta.get(META_DELTA) if isinstance(meta, dict) else None
        return method, _text(delta if delta is not None else params.get("message", params.get("progress")))
    if isinstance(method, str):
        return method, _text({name: value for name, value in params.items() if name != "_meta"} or "")
    what = f"answer to {exchange.question.name}" if exchange else "answer"
    if "error" in message:
        return f"error, {what}", _text(message["error"])
    result = message.get("result")
    content = result.get("content") if isinstance(result, dict) else None
    if not isinstance(content, list):
        return what, _text(result)
    texts = [str(part.get("text", f"[{part.get('type')}]")) for part in content if isinstance(part, dict)]
    return ("error, " if result and result.get("isError") else "") + what, " ".join(texts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str, full: bool) -> str:
    return text if full or len(text) <= _DETAILS else f"{text[: _DETAILS - 1]}…"
