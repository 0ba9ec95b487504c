"""Hold a session with an MCP server over HTTP, in a thread of its own.

It offers what `ClientSession` offers for a process: requests that are `PendingCall`s, which threads and coroutines wait for.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from mcp_models.client.errors import (
    ServerExitedError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
    SessionForgottenError,
)
from mcp_models.client.future import Future
from mcp_models.client.pending_requests import PendingRequests

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from mcp_models.client.http_connection import Connection
    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress

THREAD_NAME = "MCP over HTTP"

CLOSE_SECONDS = 2.0
"""How long the end may take."""

MISSING = 'a server at a URL needs the package `{}`: run `pip install "mcp-models[http-client]"`'


class HTTPSession:
    """A session with the server at a URL. Creating it starts its thread; `initialize` waits for the handshake.

    Args:
        url: The server's address.
        token: A bearer token.

    Attributes:
        server_name: How the server names itself.
        lists_tools: Whether the server says that it has tools.
    """

    pid = None

    def __init__(self, url: str, token: str | None) -> None:
        self._url, self._token = url, token
        self.server_name, self.lists_tools = "", False
        self._pending = PendingRequests()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._ready = Future()
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests can be made."""
        return self._pending.end is None

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return len(self._pending)

    def initialize(self, timeout: float) -> None:
        """Wait for the handshake.

        Raises:
            SessionError: It failed, or did not come about within `timeout` seconds.
        """
        if not self._ready.wait(timeout):
            self.close()
            raise ServerTimeoutError(f"no handshake within {timeout:g} s")
        self._ready.result()

    def request(self, method: str, params: dict[str, Any], on_progress: OnProgress | None = None) -> PendingCall:
        """Send a request without waiting for its answer.

        Args:
            method: `tools/call` or `tools/list`.
            params: The method's parameters.
            on_progress: Called with the `params` of each progress notification, in the session's thread.

        Raises:
            SessionError: The session has ended.
        """
        request_id, pending = self._pending.add(self._abandon, lambda seconds: _late(method, seconds), on_progress)
        if on_progress is not None:
            params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": request_id}}
        assert self._loop is not None  # it is set before the handshake
        with suppress(RuntimeError):  # the loop has been closed, and with it the request fails
            self._loop.call_soon_threadsafe(self._start, request_id, method, params)
        return pending

    def close(self, grace: float = CLOSE_SECONDS) -> None:
        """End the session. Requests in flight are cancelled, which stops the work."""
        self._fail(ServerExitedError("the session was closed"))
        if self._thread is not threading.current_thread():
            self._thread.join(grace)

    def disown(self) -> None:
        """After a fork, leave the connections to the parent process. A thread of the parent may have held a lock."""
        self._pending = PendingRequests()
        self._pending.end = ServerExitedError("the session belongs to the parent process")
        self._loop = None

    def _run(self) -> None:
        import asyncio

        try:
            asyncio.run(self._live())
        except BaseException as error:
            self._fail(error if isinstance(error, SessionError) else ServerExitedError(f"the session failed: {error!r}"))

    async def _live(self) -> None:
        """Connect, and serve requests until the session is to end."""
        import asyncio

        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        if self._pending.end is not None:
            return
        try:
            from mcp_models.client.http_connection import connected, session_error
        except ImportError as error:
            raise ServerStartError(MISSING.format(error.name)) from None
        try:
            async with connected(self._url, self._token, self._receive_progress) as self._connection:
                self.server_name, self.lists_tools = self._connection.server_name, self._connection.lists_tools
                self._ready.succeed()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            raise session_error(error) from None

    _connection: Connection

    def _start(self, request_id: int, method: str, params: dict[str, Any]) -> None:
        """Make a request. Runs in the session's thread, as all that follows."""
        if request_id in self._pending:
            assert self._loop is not None
            self._tasks[request_id] = self._loop.create_task(self._ask(request_id, method, params))

    async def _ask(self, request_id: int, method: str, params: dict[str, Any]) -> None:
        try:
            result = await self._connection.request(method, params)
            if pending := self._pending.take(request_id):
                pending.succeed(result)
        except Exception as error:
            lost = error if isinstance(error, SessionError) else ServerExitedError(f"the request failed: {error!r}")
            if isinstance(lost, SessionForgottenError):  # the next call begins a new session
                self._fail(lost)
            elif pending := self._pending.take(request_id):
                pending.fail(lost)
        finally:
            self._tasks.pop(request_id, None)

    def _receive_progress(self, params: dict[str, Any]) -> None:
        self._pending.receive_progress(params, self._cancel)

    def _abandon(self, request_id: int, _reason: str) -> None:
        """Stop a request that nobody waits for any more. Called from any thread."""
        self._pending.take(request_id)
        with suppress(RuntimeError):  # the loop has been closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cancel, request_id)

    def _cancel(self, request_id: int) -> None:
        if task := self._tasks.get(request_id):
            task.cancel()

    def _fail(self, error: SessionError) -> None:
        """Fail every request with this error, and all further ones too, and end the thread."""
        self._pending.close(error)
        loop, main = self._loop, self._main
        self._ready.fail(error)
        with suppress(RuntimeError):  # the loop has been closed
            if loop is not None and main is not None:
                loop.call_soon_threadsafe(main.cancel)


def _late(method: str, seconds: float) -> ServerTimeoutError:
    return ServerTimeoutError(f"no answer to {method} within {seconds:g} s")
