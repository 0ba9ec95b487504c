"""Define `Row`, one row of a batch's input, and how the batch keeps it apart from the others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from mcp_models.servers.core.completion import CompletionRequest

RowId = str | int


class Row(Struct):
    """One row of the input.

    Attributes:
        number: The line on which the row begins, from 1. It tells the row apart from the others.
        id: What the input calls the row, or its number.
        columns: The row's other columns, which go to the output as they are.
        arguments: The arguments of `complete`. Empty if the row is bad.
        request: The same as a request, or None if the row is bad.
        problem: What is wrong with the row. Empty if nothing is.
        fingerprint: The same for all rows that ask for the same.
        tries: How often the row was asked in vain, apart from rate limits and the like.
        highest: The most that the call can cost in dollars, or None if that is not known.
        cost: What it has cost so far, or may have.
    """

    number: int
    id: RowId
    columns: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    request: CompletionRequest | None = None
    problem: str = ""
    fingerprint: bytes = b""
    tries: int = 0
    highest: float | None = None
    cost: float = 0.0


def fingerprint(*parts: Any) -> bytes:
    """Return 16 bytes that are the same for the same JSON values, in whatever order their keys are."""
    return hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).digest()
