"""Owns a server as its users see it: started on first use, started again when it has gone, shared by all who ask for the same.

Any number of threads and coroutines may call at once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from contextlib import suppress

from mcp_models.client import forks
from mcp_models.client.client_session import STOP_SECONDS, ClientSession
from mcp_models.client.errors import (
    ServerExitedError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.outcome import Outcome
from mcp_models.client.pending_call import begun
from mcp_models.servers.core.protocol import META_STREAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from mcp_models.client.client_session import OnProgress
    from mcp_models.client.pending_call import PendingCall

START_SECONDS = 30.0
LIST_SECONDS = 2.0
MOST_PAGES = 20


class Session:
    """One server and the protocol with it, whatever era it speaks.

    Args:
        command: The server's program and arguments.
        env: The server's whole environment; None means this process's.
        cwd: The folder it starts in; None means that of this process at that time.
        start_timeout: Seconds the server may take to start and shake hands.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        start_timeout: float = START_SECONDS,
    ) -> None:
        if not 0 < start_timeout < threading.TIMEOUT_MAX:
            raise ValueError(f"start_timeout: expected a number of seconds > 0, got {start_timeout!r}")
        self.command = list(command)
        self._env, self._cwd, self._start_timeout = env, cwd, start_timeout
        self._lock = threading.Lock()
        self._starting: Outcome | None = None
        self._current: list[ClientSession] = []  # at most one
        self._closed = 0
        self._parameters: dict[str, set[str] | None] = {}
        # Also for a session that nobody closes: its server goes with it, or with this process.
        weakref.finalize(self, _close_all, self._current)
        forks.remember(self)

    @property
    def pid(self) -> int | None:
        """The process's id, if it runs."""
        current = self._current[-1:]
        return current[0].pid if current else None

    @property
    def in_flight(self) -> int:
        """How many calls are not answered yet."""
        return sum(session.in_flight for session in self._current[-1:])

    def start(self) -> None:
        """Starts the server, if it is not running, and shakes hands.

        Raises:
            ServerStartError: The command cannot be started.
            ServerExitedError: It ended before the handshake.
            ServerTimeoutError: It did not answer the handshake in time.
            ServerProtocolError: It answered with an error.
        """
        self._connect()

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> dict[str, Any]:
        """Calls a tool and waits for its result.

        Args:
            name: The tool's name.
            arguments: Its arguments, JSON-serialisable.
            timeout: Seconds to wait; then the call is cancelled.
            on_progress: Takes the `params` of each progress notification, in another thread.
            stream: Whether the notifications shall carry the text as it comes (servers of mcp-models only).

        Returns:
            The `CallToolResult`.

        Raises:
            SessionError: The server could not be started, ended, timed out or broke the protocol.
        """
        return self.begin(name, arguments, on_progress=on_progress, stream=stream).wait(timeout)

    async def acall_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> dict[str, Any]:
        """As `call_tool`, in a coroutine; cancelling it cancels the call."""
        pending = self.begin_nowait(name, arguments, on_progress=on_progress, stream=stream) or await begun(
            lambda: self.begin(name, arguments, on_progress=on_progress, stream=stream)
        )
        return await pending.await_(timeout)

    def begin(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        on_progress: OnProgress | None = None,
        stream: bool = False,
    ) -> PendingCall:
        """As `call_tool`, without waiting for the result."""
        params = _call_params(name, arguments, stream)
        closed = self._closed
        connection = self._connect()
        try:
            return connection.request("tools/call", params, on_progress)
        except ServerExitedError:  # it went since the last call and has not seen this one
            if self._closed != closed:
                raise
            return self._connect().request("tools/call", params, on_progress)

    def begin_nowait(
        self, name: str, arguments: Mapping[str, Any], *, on_progress: OnProgress | None = None, stream: bool = False
    ) -> PendingCall | None:
        """As `begin`, for an event loop: None if it would have to wait for the server to start."""
        with self._lock:
            connection = self._running()
        if connection is None:
            return None
        try:
            return connection.request("tools/call", _call_params(name, arguments, stream), on_progress)
        except ServerExitedError:
            return None

    def list_tools(self, timeout: float = START_SECONDS) -> list[dict[str, Any]]:
        """The server's tools, all pages of them.

        Args:
            timeout: Seconds that each page may take.
        """
        connection = self._connect()
        tools: list[dict[str, Any]] = []
        params: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            page = connection.request("tools/list", params).wait(timeout)
            found = page.get("tools")
            if not isinstance(found, list):
                raise ServerProtocolError("the server answered with a list of tools that is no list")
            tools += [tool for tool in found if isinstance(tool, dict)]
            if not (cursor := page.get("nextCursor")):
                break
            params = {"cursor": cursor}
        return tools

    def parameters(self, tool: str) -> set[str] | None:
        """The names of a tool's arguments, asked for once; None if the server does not tell them."""
        if tool not in self._parameters:
            if not self._connect().lists_tools:
                return None
            try:
                tools = self.list_tools(LIST_SECONDS)
            except (ServerTimeoutError, ServerProtocolError):  # it may still take the call
                tools = []
            self._parameters[tool] = next((_parameters(found) for found in tools if found.get("name") == tool), None)
        return self._parameters[tool]

    def close(self) -> None:
        """Ends the server; calls in flight raise `ServerExitedError`. The next call starts it again."""
        self._closed += 1
        _close_all(self._current)

    def after_fork(self) -> None:
        """Leaves the server to the parent; the next call starts one of this process's own."""
        self._lock, self._starting = threading.Lock(), None
        while self._current:
            self._current.pop().disown()

    def __enter__(self) -> Session:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _connect(self) -> ClientSession:
        """The connection; started by the first of those who need it, while the others wait for the same outcome."""
        with self._lock:
            if (running := self._running()) is not None:
                return running
            starting, mine = self._starting, self._starting is None
            if starting is None:
                starting = self._starting = Outcome()
        if mine:
            self._start(starting)
        if not starting.wait(self._start_timeout + STOP_SECONDS * 3):
            raise ServerTimeoutError("the server is being started for too long")
        try:
            session: ClientSession = starting.result()
        except SessionError as error:
            raise error.again() from None
        return session

    def _running(self) -> ClientSession | None:
        """The connection, if there is one that works and nobody starts another; asked with the lock held."""
        current = self._current[-1:]  # not `[-1]`: another thread may close it and take it away
        return current[0] if self._starting is None and current and current[0].alive else None

    def _start(self, starting: Outcome) -> None:
        connection = None
        try:
            _close_all(self._current)
            connection = ClientSession(self.command, self._env, self._cwd)
            self._current.append(connection)  # before the handshake, so that `close` can end a server that hangs in it
            connection.initialize(self._start_timeout)
        except BaseException as error:
            starting.fail(error if isinstance(error, SessionError) else ServerStartError(f"the start failed: {error!r}"))
            if not isinstance(error, SessionError):
                raise  # Ctrl-C
        else:
            starting.succeed(connection)
        finally:
            with self._lock:
                self._starting = None


class Sharing:
    """The sessions that several users share: one for the same command, environment and folder, until its last user leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[tuple[Any, ...], tuple[Session, set[int]]] = {}
        self._left: deque[Seat] = deque()
        self._numbers = 0
        forks.remember(self)

    def join(self, command: Sequence[str], env: Mapping[str, str], start_timeout: float) -> Seat:
        """A user's seat at the session for a command."""
        cwd = _folder()
        key = (tuple(command), _digest(env), cwd, start_timeout)
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = (Session(command, env=env, cwd=cwd, start_timeout=start_timeout), set())
            session, users = self._sessions[key]
            self._numbers += 1
            seat = Seat(session, key, self._numbers)
            users.add(seat.number)
        self._give_up()
        return seat

    def leave(self, seat: Seat) -> None:
        """Gives a seat up; the last one to go ends the server. Never waits: a garbage collection may call it, anywhere."""
        self._left.append(seat)
        self._give_up()

    def after_fork(self) -> None:
        """Frees the lock, which a thread of the parent may have held."""
        self._lock = threading.Lock()

    def _give_up(self) -> None:
        """Gives up the seats that were left, unless somebody has the lock: they do it then, when they have let it go."""
        while self._left and self._lock.acquire(blocking=False):
            try:
                ended = [self._without(self._left.popleft())]
            except IndexError:  # another was faster
                ended = []
            finally:
                self._lock.release()
            for session in ended:
                if session is not None:
                    session.close()

    def _without(self, seat: Seat) -> Session | None:
        """Takes a seat away, and returns a session that has no other user."""
        session, users = self._sessions.get(seat.key, (None, set()))
        if session is None or seat.number not in users:
            return None
        users.discard(seat.number)
        return self._sessions.pop(seat.key)[0] if not users else None


class Seat:
    """One user's place at a shared session.

    Attributes:
        session: The session.
        key: What makes it the same one for others.
        number: Which of its users.
    """

    __slots__ = ("key", "number", "session")

    def __init__(self, session: Session, key: tuple[Any, ...], number: int) -> None:
        self.session, self.key, self.number = session, key, number


SHARING = Sharing()


def _call_params(name: str, arguments: Mapping[str, Any], stream: bool) -> dict[str, Any]:
    params: dict[str, Any] = {"name": name, "arguments": dict(arguments)}
    if stream:
        params["_meta"] = {META_STREAM: True}
    return params


def _close_all(connections: list[ClientSession]) -> None:
    with suppress(IndexError):
        while True:
            connections.pop().close()


def _folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed
        return None


def _digest(env: Mapping[str, str]) -> str:
    """What tells one environment from another and shows none of its values."""
    import hashlib

    return hashlib.sha256(repr(sorted(env.items())).encode("utf-8", "surrogateescape")).hexdigest()


def _parameters(tool: dict[str, Any]) -> set[str] | None:
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return set(properties) if isinstance(properties, dict) and properties else None
