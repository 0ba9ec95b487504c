"""Find a ChatGPT login, check it, and let only one run at a time renew it.

Only codex uses the tokens. We read them to see whether a file really holds a login, and never pass them on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shlex
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from msgspec import Struct

from mcp_models.servers.core import errors, redaction

if TYPE_CHECKING:
    from mcp_models.servers.core.settings import Environment

FILE = "auth.json"
LOCK_FILE = ".mcp-models.lock"

REFRESH_SECONDS = 300 + 30
"""codex 0.169 renews an access token that expires in less than 300 s, as measured. We allow for 30 s more."""

ACCEPTED_SECONDS = 60.0
"""How long to trust a login that the service has accepted, in seconds. It may be revoked at any time."""

LOCK_SECONDS = 60.0
LOCK_INTERVAL = 0.05
WRITING_SECONDS = 0.05


class NoLoginError(errors.ConfigurationError):
    """There is no ChatGPT login."""


class Login(Struct, frozen=True):
    """A ChatGPT login that `codex login` created.

    Attributes:
        path: The path of its `auth.json`, with symbolic links resolved.
        account: The account's identifier.
        token: A fingerprint of the access token. It changes when codex renews the token.
        expires: When the access token expires, in seconds since the epoch. 0 if this is unknown.
    """

    path: str
    account: str
    token: str
    expires: float

    @property
    def home(self) -> str:
        """The folder that `codex login` wrote the login to."""
        return os.path.dirname(self.path)

    def expires_soon(self) -> bool:
        """Return whether codex would renew the access token before using it."""
        return self.expires - time.time() < REFRESH_SECONDS

    def cure(self) -> str:
        """Return the command to log in again."""
        return f"`CODEX_HOME={shlex.quote(self.home)} codex login`"


def homes(env: Environment) -> list[Path]:
    """Return the folders that may hold a login: only CODEX_HOME if it is set, otherwise the two usual ones."""
    if chosen := env.get("CODEX_HOME", "").strip():
        return [Path(os.path.expanduser(chosen))]
    user = Path(env.get("HOME") or os.path.expanduser("~"))
    return [user / ".config" / "openai" / "codex-home", user / ".codex"]


def find(env: Environment) -> Login:
    """Return the first ChatGPT login in `homes`.

    Raises:
        NoLoginError: There is none. The message says where we looked, what we found there, and what to do.
        ConfigurationError: A file exists but cannot be read.
    """
    found = []
    for home in homes(env):
        login = read(home / FILE)
        if isinstance(login, Login):
            return login
        found.append(f"{home / FILE} {login}")
    raise NoLoginError(f"no ChatGPT login was found ({'; '.join(found)}): run `codex login`.")


def read(path: Path) -> Login | str:
    """Return the login in a file, or a description of what the file is instead.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        record = _record(path)
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except PermissionError as error:
        cure = f"run `chmod u+rw {shlex.quote(str(path))}`."
        raise errors.ConfigurationError(f"{path} cannot be read ({error.strerror}): {cure}") from error
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return "is not JSON"
    tokens = record.get("tokens") if isinstance(record, dict) else None
    if isinstance(record, dict) and record.get("OPENAI_API_KEY"):
        redaction.protect(str(record["OPENAI_API_KEY"]))
        return "holds an API key"
    if not isinstance(tokens, dict) or record.get("auth_mode", "chatgpt") != "chatgpt":
        return "holds no tokens"
    secrets = [tokens.get(name) for name in ("access_token", "refresh_token", "id_token")]
    if not all(isinstance(secret, str) and secret.strip() for secret in secrets):
        return "holds no tokens"
    for secret in secrets:
        redaction.protect(str(secret))
    return Login(
        path=os.path.realpath(path),
        account=str(tokens.get("account_id") or ""),
        token=hashlib.sha256(str(secrets[0]).encode()).hexdigest(),
        expires=_expires(str(secrets[0])),
    )


def _record(path: Path) -> Any:
    """Return the JSON in a file. If it is not valid, read it once more, as codex may be writing it."""
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        time.sleep(WRITING_SECONDS)
        return json.loads(path.read_bytes())


def _expires(token: str) -> float:
    """Return the `exp` claim of a JWT (RFC 7519, section 4.1.4). It is not verified, as it only decides about the lock."""
    try:
        payload = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (LookupError, ValueError, TypeError):
        return 0.0


class RefreshLock:
    """Let runs with the same login go in parallel, but only one at a time while codex may renew its tokens.

    A refresh token works only once, so two renewals at the same time would end the login. A renewal can happen when the
    access token is about to expire, or when the service has not accepted it yet. The lock is shared by all processes on
    this machine.
    """

    def __init__(self) -> None:
        self._accepted, self._when = "", 0.0
        self._first = asyncio.Lock()

    @asynccontextmanager
    async def hold(self, login: Login) -> AsyncIterator[Callable[[], None]]:
        """Hold the lock during a run, if it is needed.

        Args:
            login: The login, as `find` returned it.

        Yields:
            A function to call once the service has accepted the login. Other runs then need not wait for the end of this one.

        Raises:
            ConfigurationError: The folder of the login cannot be written.
            CallTimeoutError: Another run has been renewing the login for too long.
        """
        with await self._enter(login) as held:

            def accepted() -> None:
                self._accepted, self._when = token_of(login), time.monotonic()
                held.close()

            yield accepted

    async def _enter(self, login: Login) -> ExitStack:
        """Take the lock if it is needed, waiting `LOCK_SECONDS` at most. Close the result to release the lock."""
        if not self._may_renew(login):
            return ExitStack()
        with ExitStack() as held:
            try:
                async with asyncio.timeout(LOCK_SECONDS):
                    await self._first.acquire()
                    held.callback(self._first.release)
                    held.callback((await _locked(login)).release)
            except TimeoutError:
                if login.expires_soon():
                    said = f"another run has been renewing the ChatGPT login for {LOCK_SECONDS:g} s; try again."
                    raise errors.CallTimeoutError(said) from None
                return ExitStack()
            now = read(Path(login.path))
            if isinstance(now, Login) and not self._may_renew(now):
                return ExitStack()
            return held.pop_all()

    def _may_renew(self, login: Login) -> bool:
        proven = login.token == self._accepted and time.monotonic() - self._when < ACCEPTED_SECONDS
        return not proven or login.expires_soon()


async def _locked(login: Login) -> FileLock:
    """Acquire the lock that all processes share. It polls, because a thread that waits could not be cancelled."""
    lock = FileLock(os.path.join(login.home, LOCK_FILE), thread_local=False)
    while True:
        try:
            lock.acquire(blocking=False)
            return lock
        except Timeout:
            await asyncio.sleep(LOCK_INTERVAL)
        except OSError as error:
            raise unwritable(login, error.strerror) from error


def check_writable(login: Login) -> None:
    """Check that codex can save a renewed login. If it cannot save it, the login is lost.

    Raises:
        ConfigurationError: The login or its folder is read-only.
    """
    for path in (login.home, login.path):
        if not os.access(path, os.W_OK):
            raise unwritable(login, f"{path} is read-only")


def unwritable(login: Login, why: str | None) -> errors.ConfigurationError:
    """Return the error for a login that cannot be saved."""
    cure = f"run `chmod u+w {login.home} {login.path}`, or point CODEX_HOME at a folder that can be written."
    return errors.ConfigurationError(f"codex could not save the ChatGPT login when it renews it ({why}): {cure}")


def token_of(login: Login) -> str:
    """Return the current fingerprint of a login's access token. Empty if it cannot be read."""
    with suppress(errors.ConfigurationError):
        now = read(Path(login.path))
        return now.token if isinstance(now, Login) else ""
    return ""
