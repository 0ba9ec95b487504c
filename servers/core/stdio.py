"""Owns the process of a server: stdin and stdout, signals, the end. `serve(provider)` is a server's whole main().

The main thread reads lines and answers at once what needs no provider. With the first call the event loop of `calls.py`
starts in a thread of its own, and reads from then on, which saves every call a change of threads; the main thread watches
for signals and the end. SDKs are imported in yet another thread, so a slow import or a slow model never delays a ping or a
cancellation, and nothing slow is imported before the handshake.
"""

from __future__ import annotations

import os
import signal
import sys

from mcp_models.servers.core import protocol, tools
from mcp_models.servers.core.channel import Channel, ClientGone, OutputFailed
from mcp_models.servers.core.provider import server_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from mcp_models.servers.core.calls import Calls
    from mcp_models.servers.core.provider import Provider

WARM_FLAG = "--warm"
"""Start importing the provider's SDK right after the handshake instead of with the first call."""

SHUTDOWN_SECONDS = 0.7


def serve(provider: Provider) -> NoReturn:
    """Serves a provider on this process's stdin and stdout until stdin ends, a signal comes or stdout closes.

    Exit codes: 0 after the end of stdin or a closed stdout, 128 + n after signal n, 1 after a fault of the server or an
    stdout that cannot be written, 2 for unknown arguments.
    """
    unknown = [argument for argument in sys.argv[1:] if argument != WARM_FLAG]
    if unknown:
        print(f"usage: {os.path.basename(sys.argv[0])} [{WARM_FLAG}]  (an MCP server: JSON-RPC on stdin)", file=sys.stderr)
        raise SystemExit(0 if unknown[0] in ("-h", "--help") else 2)
    code = 1
    try:
        code = Process(provider, warm=WARM_FLAG in sys.argv).run()
    except OutputFailed as error:
        print(f"{server_info(provider)['name']}: {error}", file=sys.stderr)
    finally:
        os._exit(code)  # here and now: a thread of some SDK must not keep the process alive, mute


class Process:
    """One server process.

    Args:
        provider: Who answers the calls.
        warm: Whether to import its SDK before the first call.
    """

    def __init__(self, provider: Provider, warm: bool) -> None:
        self._provider, self._warm = provider, warm
        self._server = protocol.Server(
            info=server_info(provider),
            instructions=f"Use `complete` to ask a model of {provider.title}.",
            tools=lambda: tools.tools(provider),
            tool_names=tools.tool_names(provider.env),
        )
        self._channel = Channel()
        self._calls: Calls | None = None

    def run(self) -> int:
        """Serves until the end and returns the exit code.

        Raises:
            OutputFailed: stdout cannot be written.
        """
        try:
            _on_signals(_Stopper())
            for line in self._channel.lines():
                self._receive(line)
            self._channel.watch()
            self._drain()
            return 0
        except Stop as stop:
            return 128 + stop.signal
        except ClientGone:
            return 0
        finally:
            self._close()

    def _receive(self, line: bytes) -> None:
        action = protocol.receive(line, self._server)
        if isinstance(action, protocol.ToolCall):
            self._start_calls().start(action)
        elif isinstance(action, protocol.Cancellation):
            if self._calls:
                self._calls.cancel(action.id)
        elif action is not None:
            self._channel.send(action)
            if self._warm and "result" in action:
                self._warm = False
                self._start_calls().warm()

    def _start_calls(self) -> Calls:
        if self._calls is None:
            from mcp_models.servers.core.calls import Calls

            self._calls = calls = Calls(self._provider, self._server, self._channel.send)
            self._channel.successor = lambda: calls.read_from(self._channel, self._receive)
        return self._calls

    def _drain(self) -> None:
        """After the end of stdin: lets the calls in flight finish while somebody still reads the answers."""
        while self._calls and not self._calls.wait_until_idle(timeout=0.1):
            self._channel.check_reader()
        self._channel.flush()

    def _close(self) -> None:
        if self._calls:
            self._calls.close(SHUTDOWN_SECONDS)


class Stop(BaseException):
    """Raised in the main thread by a signal that ends the server."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class _Stopper:
    """The handler of the signals that end the server: the first one does, and no other disturbs the end."""

    def __init__(self) -> None:
        self._stopped = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopped:
            self._stopped = True
            raise Stop(number)


def _on_signals(handler: signal._HANDLER) -> None:
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), handler)
