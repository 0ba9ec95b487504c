"""Give a recorded line the id and the progress token of another session, and leave every other byte as it is."""

from __future__ import annotations

import re

from mcp_models.client.tapes.exchange import PROGRESS, Event
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRIED = 8
"""How many places of a line may hold the id. It is nearly always the first."""


def renamed(event: Event, request_id: Any, token: Any) -> bytes | None:
    """Return the line of an event as it has to be sent now, without a newline.

    Args:
        event: The event.
        request_id: The id of the request that is answered now.
        token: The request's progress token. None if it has none, and then there is no line to send for progress.
    """
    line, message = event.line, event.line.message
    if not event.of_request or not isinstance(message, dict):
        return line.raw
    if message.get("method") != PROGRESS:
        return _replaced(line.raw, message, "id", message.get("id"), {**message, "id": request_id})
    if token is None:
        return None
    params = message["params"]
    wanted = {**message, "params": {**params, "progressToken": token}}
    return _replaced(line.raw, message, "progressToken", params["progressToken"], wanted)


def _replaced(raw: bytes, message: dict[str, Any], name: str, old: Any, wanted: dict[str, Any]) -> bytes:
    """Return the line with one member changed, which turns `message` into `wanted`."""
    if wanted == message:
        return raw
    new = json_codec.encode(_member(wanted, name)).strip()
    member = rb'"%s"\s*:\s*(%s)' % (name.encode(), re.escape(json_codec.encode(old).strip()))
    for number, found in enumerate(re.finditer(member, raw)):
        line = raw[: found.start(1)] + new + raw[found.end(1) :]
        if number < _TRIED and json_codec.decode(line) == wanted:
            return line
    return json_codec.encode(wanted).strip()  # written in a way that the pattern does not see


def _member(message: dict[str, Any], name: str) -> Any:
    return message[name] if name in message else message["params"][name]
