"""Remove secrets from text before it leaves the process: the values of known keys, and whatever looks like a key."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

REDACTED = "[redacted]"

# Shorter values, such as "ollama" or "none", are placeholders. Replacing them everywhere would garble plain text.
SHORTEST_SECRET = 8

# These stay strings because `re` compiles and caches them on first use, and a server's start does not need them.
_SECRET_NAME = r"(?:^|_|^PG)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD)$"
_SECRET_LOOKS = (
    r"\b(?:sk-[\w*-]{6,}|AIza[\w-]{8,}|mstrl_[\w-]{4,}|mcpm_[\w-]{16,}"
    r"|(?:gsk|hf|gh[pousr]|github_pat)_\w{16,}|(?:xai|csk|nvapi|glpat|xox[abeoprs])-[\w-]{16,}|AKIA[A-Z0-9]{16}\b"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})"
    r"|(?<=Bearer )[^\s\"',]+|(?<=[?&]key=)[^\s&\"']+|(?<=://)[^\s/@]+(?=@)"
)
_PIPE_BUF = 512  # the least that POSIX guarantees a ready pipe to accept at once
_WORDS = r"[A-Za-z]+(?:[ _.][A-Za-z]+)*"
_known: list[str] = []
_words: set[str] = set()


def protect(secret: str) -> None:
    """Add a key's value to those that are removed from every text. Values shorter than `SHORTEST_SECRET` are ignored."""
    secret = secret.strip()
    _words.discard(secret)
    if len(secret) >= SHORTEST_SECRET and secret not in _known:
        _known.append(secret)
        _known.sort(key=len, reverse=True)  # longest first, as one key may be the beginning of another


def protect_environment() -> None:
    """Protect the value of every environment variable whose name looks like a credential's.

    A value made of words only, as in `SORT_KEY=created_at`, is removed from errors and logs but not from a model's answer,
    where it may well occur by chance.
    """
    for name, value in os.environ.items():
        if re.search(_SECRET_NAME, name.upper()) and value.strip() not in _known:
            protect(value)
            if re.fullmatch(_WORDS, value.strip()):
                _words.add(value.strip())


def redact_values(text: str) -> str:
    """Replace the exact value of every known key. Use this for a model's answer, which may contain text like a key."""
    for secret in _known:
        if secret in text and secret not in _words:
            text = text.replace(secret, REDACTED)
    return text


def redact(text: str) -> str:
    """Replace every known key and everything that looks like a key. Use this for errors and logs."""
    for secret in _known:
        text = text.replace(secret, REDACTED)
    return re.sub(_SECRET_LOOKS, REDACTED, text)


def redact_keys(text: str) -> str:
    """Replace the exact value of every known key, and everything that looks like a key. Use this for text that is kept."""
    return re.sub(_SECRET_LOOKS, REDACTED, redact_values(text))


def redact_record(value: Any, replace: Callable[[str], str] = redact_values) -> Any:
    """Apply `redact_values`, or another function, to every string in a JSON value, and to the keys of objects.

    It uses no recursion, as an answer may be nested as deeply as Python's stack allows.
    """
    if not _known and replace is redact_values:
        return value
    whole = [value]
    unread: list[Any] = [whole]
    while unread:
        box = unread.pop()
        for key, item in enumerate(box) if isinstance(box, list) else list(box.items()):
            if isinstance(item, str):
                box[key] = replace(item)
            elif isinstance(item, list):
                box[key] = item.copy()
                unread.append(box[key])
            elif isinstance(item, dict):
                box[key] = {replace(name): part for name, part in item.items()}
                unread.append(box[key])
    return whole[0]


class RedactedText:
    """Redact a text that arrives in pieces, where a key may be split between two of them.

    Text that may be the beginning of a known key is held back until more has arrived.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece, and return the text that can be shown now."""
        text = redact_values(self._held + piece)
        keep = max((_overlap(text, secret) for secret in _known), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return what is still held back. Call it when the text has ended."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, secret: str) -> int:
    """Return how many characters at the end of the text match the beginning of the secret."""
    return next((size for size in range(min(len(text), len(secret) - 1), 0, -1) if text.endswith(secret[:size])), 0)


class RedactedLog(io.TextIOBase):
    """A stand-in for `sys.stderr` that redacts. If nobody reads the pipe, it drops text, as waiting would stop the server.

    Args:
        descriptor: The file descriptor to write to.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Return True."""
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
