"""Take out of a text what may not leave the process: the values of keys, and whatever looks like one."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REDACTED = "[redacted]"

# A shorter value ("ollama", "none") is a placeholder, and replacing it everywhere would garble plain text.
SHORTEST_SECRET = 8

# Strings, as `re` compiles and caches them on first use and a server's start has no use for them.
_SECRET_NAME = r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD)$"
_SECRET_LOOKS = (
    r"\b(?:sk-[\w*-]{6,}|AIza[\w-]{8,}|mstrl_[\w-]{4,})|(?<=Bearer )[^\s\"',]+|(?<=[?&]key=)[^\s&\"']+|(?<=://)[^\s/@]+(?=@)"
)
_PIPE_BUF = 512  # what POSIX promises at the least to take at once
_WORDS = r"[A-Za-z]+(?:[ _.][A-Za-z]+)*"
_known: list[str] = []
_words: set[str] = set()


def protect(secret: str) -> None:
    """Add a key's value to those that are removed from every text."""
    secret = secret.strip()
    _words.discard(secret)
    if len(secret) >= SHORTEST_SECRET and secret not in _known:
        _known.append(secret)
        _known.sort(key=len, reverse=True)  # one key may be the beginning of another


def protect_environment() -> None:
    """Protect the value of every environment variable that is named like a credential.

    A value of words alone, as in `SORT_KEY=created_at`, is removed from errors and logs only: a model may well say it.
    """
    for name, value in os.environ.items():
        if re.search(_SECRET_NAME, name.upper()) and value.strip() not in _known:
            protect(value)
            if re.fullmatch(_WORDS, value.strip()):
                _words.add(value.strip())


def redact_values(text: str) -> str:
    """Replace the exact value of every key: for a model's own words, which may well *look* like a key."""
    for secret in _known:
        if secret in text and secret not in _words:
            text = text.replace(secret, REDACTED)
    return text


def redact(text: str) -> str:
    """Replace every key's value and everything that looks like a key: for errors and logs."""
    for secret in _known:
        text = text.replace(secret, REDACTED)
    return re.sub(_SECRET_LOOKS, REDACTED, text)


def redact_record(value: Any) -> Any:
    """Return a JSON value with `redact_values` applied to every string in it, keys of objects excepted."""
    if not _known:
        return value
    if isinstance(value, str):
        return redact_values(value)
    if isinstance(value, list):
        return [redact_record(item) for item in value]
    if isinstance(value, dict):
        return {key: redact_record(item) for key, item in value.items()}
    return value


class RedactedText:
    """A text that comes in pieces, of which a key may fill the end of one and the beginning of the next.

    What may be the beginning of a key is held back until more has come; without known keys nothing ever is.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece in and return what can be shown by now."""
        text = redact_values(self._held + piece)
        keep = max((_overlap(text, secret) for secret in _known), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return what was held back, at the text's end."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, secret: str) -> int:
    """Return how many characters at the end of the text are the beginning of the secret."""
    return next((size for size in range(min(len(text), len(secret) - 1), 0, -1) if text.endswith(secret[:size])), 0)


class RedactedLog(io.TextIOBase):
    """stderr, redacted; drops what nobody drains, as a full pipe would stop the server.

    Args:
        descriptor: Where it writes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """Return the descriptor, for child processes."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Write the text without its secrets."""
        data = redact(text).encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError):
            for start in range(0, len(data), _PIPE_BUF):
                if self._is_full():
                    break
                os.write(self._descriptor, data[start : start + _PIPE_BUF])
        return len(text)

    def _is_full(self) -> bool:
        if not hasattr(select, "poll"):
            return False
        poller = select.poll()
        poller.register(self._descriptor, select.POLLOUT)
        return not poller.poll(0)
