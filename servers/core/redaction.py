"""Owns what may not leave the process: the values of keys, and whatever looks like one."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

REDACTED = "[redacted]"

# A shorter value ("ollama", "none") is a placeholder, and replacing it everywhere would garble plain text.
SHORTEST_SECRET = 8

# Strings, as `re` compiles and caches them on first use and a server's start has no use for them.
_SECRET_NAME = r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD)$"
_SECRET_LOOKS = (
    r"\b(?:sk-[\w*-]{6,}|AIza[\w-]{8,}|mstrl_[\w-]{4,})|(?<=Bearer )[^\s\"',]+|(?<=[?&]key=)[^\s&\"']+|(?<=://)[^\s/@]+(?=@)"
)
_known: list[str] = []


def protect(secret: str) -> None:
    """Adds a key's value to those that `redact` removes."""
    secret = secret.strip()
    if len(secret) >= SHORTEST_SECRET and secret not in _known:
        _known.append(secret)
        _known.sort(key=len, reverse=True)  # one key may be the beginning of another


def protect_environment() -> None:
    """Protects the value of every environment variable that is named like a credential."""
    for name, value in os.environ.items():
        if re.search(_SECRET_NAME, name.upper()):
            protect(value)


def redact_values(text: str) -> str:
    """Replaces the exact value of every key: for a model's own words, which may well *look* like a key."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, REDACTED)
    return text


def redact(text: str) -> str:
    """Replaces every key's value and everything that looks like a key: for errors and logs."""
    return re.sub(_SECRET_LOOKS, REDACTED, redact_values(text))


def redact_record(value: Any) -> Any:
    """A JSON value with `redact_values` applied to every string in it, keys of objects excepted."""
    if isinstance(value, str):
        return redact_values(value)
    if isinstance(value, list):
        return [redact_record(item) for item in value]
    if isinstance(value, dict):
        return {key: redact_record(item) for key, item in value.items()}
    return value


class RedactedStream:
    """A text stream that redacts what is written to it; stands in for `sys.stderr`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text without its secrets."""
        self._stream.write(redact(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
