"""Define `Row`: what the ledger keeps of a call. It never holds a prompt or an answer."""

from __future__ import annotations

import itertools
import os
import time

from msgspec import Struct, json

from mcp_models.servers.core.redaction import redact_values

LONGEST_TEXT = 200
"""How many characters of a name or an id are kept."""

NANO = 1_000_000_000
"""Money is added up in whole billionths of a dollar, as sums of fractions would drift."""

_PROCESS = os.urandom(6).hex()
_numbers = itertools.count()


class Row(Struct, array_like=True):
    """A call.

    Attributes:
        id: Unique, and in the order of time.
        started: When the call began, in seconds since 1970.
        provider: The provider's name.
        model_asked: The model that was asked.
        host: The program that asked, as it named itself.
        latency_ms: How long the call took.
        error_type: The type of the failure, or `cancelled`. None if there is an answer.
        refused: Whether the budget refused the call, so that nothing was sent.
        reserved: Whether there is a reservation of the same id, which the row settles.
        model: The model that answered, as the provider named it. None, as all that follows, if there is no answer.
        input_tokens: Tokens of the prompt, with those from a cache.
        service_tier: The tier that answered, as the provider named it.
        cost: Billionths of a dollar. None if the cost is not known.
        cache_savings: Billionths of a dollar that the prompt cache has saved. Less than 0 if writing to it cost more.
        held: Billionths of a dollar that count against the budget, as the cost is not known but there may be one.
        stop_reason: Why the answer ended.
        request_id: The provider's identifier for the request.
    """

    id: str
    started: float
    provider: str
    model_asked: str
    host: str | None
    latency_ms: int
    error_type: str | None = None
    refused: bool = False
    reserved: bool = False
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    service_tier: str | None = None
    cost: int | None = None
    cache_savings: int | None = None
    held: int | None = None
    stop_reason: str | None = None
    request_id: str | None = None


def new_id(started: float) -> str:
    """Return an id for a call that began at this time. It has the time, the process and a number."""
    return f"{int(started * 1000):x}-{_PROCESS}-{next(_numbers):x}"


def forked() -> None:
    """Give a forked process ids of its own."""
    global _PROCESS
    _PROCESS = os.urandom(6).hex()


def kept(text: str | None) -> str | None:
    """Return a text as the ledger keeps it: short, without known keys, and without characters that a database refuses."""
    if text is None:
        return None
    text = redact_values(text)
    if len(text) <= LONGEST_TEXT and text.isprintable():
        return text
    text = text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else "?" for character in text)


def iso(seconds: float) -> str:
    """Return a time in UTC as ISO 8601, to the millisecond."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


encode = json.Encoder().encode
decode = json.Decoder(Row).decode
