"""Keep bearer tokens in a file that holds only their hashes, and check tokens against it.

A token has 256 random bits, so a plain SHA-256 cannot be reversed: slow hashes are for passwords, which people make up.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets

import msgspec
from msgspec import Struct

from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.budget import for_one_host
from mcp_models.servers.core.user_folders import settings_folder
from mcp_models.servers.streamable_http.authentication import Caller
from mcp_models.servers.streamable_http.refusal import Refusal

MAX_BYTES = 1 << 20
"""The most bytes that the file may have."""

PREFIX = "mcpm_"
"""What each token begins with, so that scanners for leaked secrets can find them."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"


class TokenFileError(Exception):
    """The file cannot be used. The message says what to do."""


class TokenRecord(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the file has of a caller.

    Attributes:
        sha256: The token's hash, in hexadecimal digits.
        added: The day on which the token was made, as in 2026-11-26.
        budget: What the caller may spend or make, as in MCP_MODELS_BUDGET.
    """

    sha256: str
    added: str
    budget: str = ""


def default_path() -> str:
    """Return the path of the file if none is named. It may not exist."""
    return os.path.join(settings_folder(), "tokens.json")


def new_token() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return a token's hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def check_name(name: str) -> None:
    """Check a caller's name.

    Raises:
        TokenFileError: It cannot be one.
    """
    if not re.fullmatch(_NAME, name):
        raise TokenFileError("a caller's name has up to 64 letters, digits and the characters . _ @ -")


def read(path: str) -> dict[str, TokenRecord]:
    """Return the records of a file by the callers' names. A file that does not exist has none.

    Raises:
        TokenFileError: The file cannot be read, or holds something else.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TokenFileError(f"{path} cannot be read: {error.strerror}") from None
    try:
        if len(raw) > MAX_BYTES:
            raise ValueError
        records = msgspec.json.decode(raw, type=dict[str, TokenRecord])
        for name, record in records.items():
            check_name(name)
            for_one_host(record.budget)
    except (ValueError, TokenFileError, ConfigurationError):
        raise TokenFileError(f"{path} is not what `mcp-models tokens` wrote: remove it and add the tokens anew") from None
    return records


def encoded(records: dict[str, TokenRecord]) -> bytes:
    """Return the file's content."""
    return msgspec.json.format(msgspec.json.encode(records), indent=2) + b"\n"


class TokenFile:
    """Check tokens against a file, which is read again whenever it has changed.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._callers: list[tuple[bytes, Caller]] = []

    async def caller(self, token: str, audience: str) -> Caller | None:  # noqa: ARG002
        """Return whose token this is. The time that it takes does not depend on how much of a hash is right.

        Raises:
            Refusal: The file cannot be read (503).
        """
        self._refresh()
        asked, found = digest(token).encode(), None
        for known, caller in self._callers:
            if hmac.compare_digest(known, asked):
                found = caller
        return found

    def _refresh(self) -> None:
        try:
            now = os.stat(self._path)
            seen: tuple[int, ...] = (now.st_mtime_ns, now.st_ino, now.st_size)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        try:
            records = read(self._path)
        except TokenFileError:
            raise Refusal(503, "tokens cannot be checked now: the server's file of tokens cannot be used") from None
        self._callers = [
            (record.sha256.encode(), Caller(name, for_one_host(record.budget))) for name, record in records.items()
        ]
        self._seen = seen
