"""Run a server on this process's stdin and stdout.

The main thread reads lines, and answers those that need no provider at once. The first call starts an event loop in the
same thread (`dispatcher.py`), which reads from then on. This way nothing slow is imported before the handshake. SDKs are
imported in a worker thread, so that a slow import never delays a ping or a cancellation.
"""

from __future__ import annotations

import os
import signal
import sys

from mcp_models.servers.core import protocol, tools
from mcp_models.servers.core.provider import server_info
from mcp_models.servers.core.transport.lines import LineTooLongError
from mcp_models.servers.core.transport.stdio import ClientGoneError, OutputError, StdioTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from mcp_models.servers.core.protocol import Cancellation, Message, TaskRequest, ToolCall
    from mcp_models.servers.core.provider import Provider

WARM_FLAG = "--warm"
"""Import the provider's SDK right after the handshake, instead of on the first call."""

SHUTDOWN_SECONDS = 0.7
"""How long the shutdown may take after a signal, in seconds."""


def serve(provider: Provider) -> NoReturn:
    """Serve a provider on this process's stdin and stdout until stdin ends, stdout is closed or a signal arrives.

    The exit code is 0 when stdin has ended or stdout was closed, 128 + n after signal n, 1 if the server failed or stdout
    cannot be written, and 2 for unknown arguments.
    """
    unknown = [argument for argument in sys.argv[1:] if argument != WARM_FLAG]
    if unknown:
        print(f"usage: {os.path.basename(sys.argv[0])} [{WARM_FLAG}]  (an MCP server: JSON-RPC on stdin)", file=sys.stderr)
        raise SystemExit(0 if unknown[0] in ("-h", "--help") else 2)
    code = 1
    try:
        code = StdioServer(provider, warm=WARM_FLAG in sys.argv).run()
    except OutputError as error:
        print(f"{server_info(provider)['name']}: {error}", file=sys.stderr)
    finally:
        os._exit(code)  # exit at once, as a thread of some SDK could keep the process alive but mute


class StdioServer:
    """One server process.

    Args:
        provider: The provider that answers the calls.
        warm: Whether to import the provider's SDK before the first call.

    Raises:
        OutputError: The process was started without a stdout.
    """

    def __init__(self, provider: Provider, warm: bool) -> None:
        self.provider, self._warm = provider, warm
        self.identity = protocol.Server(
            info=server_info(provider),
            instructions=f"Use `complete` to ask a model of {provider.title}.",
            tools=lambda: tools.tools(provider),
            tool_names=tools.tool_names(provider.env),
        )
        self.transport = StdioTransport()

    def run(self) -> int:
        """Serve until the end and return the exit code.

        Raises:
            OutputError: stdout cannot be written.
        """
        _on_signals(_Stopper())
        try:
            while not self.transport.ended:
                self.transport.wait()
                for line in self.transport.take():
                    self._handle(self.received(line))
            self.transport.flush()
        except Stop as stop:
            return 128 + stop.signal
        except ClientGoneError:
            return 0
        return 0

    def received(self, line: bytes | LineTooLongError) -> Message | ToolCall | TaskRequest | Cancellation | None:
        """Return what a line asks for, as `protocol.receive` does."""
        if isinstance(line, LineTooLongError):
            return protocol.error_response(protocol.ProtocolError(protocol.INVALID_REQUEST, str(line)))
        return protocol.receive(line, self.identity)

    def _handle(self, action: Message | ToolCall | TaskRequest | Cancellation | None) -> None:
        """Do what a line asks for. The first call starts an event loop, which serves everything that follows."""
        if isinstance(action, protocol.ToolCall):
            from mcp_models.servers.core.dispatcher import run

            run(self, action)
        elif isinstance(action, protocol.TaskRequest):
            self.transport.send(protocol.unknown_task(action))  # without a call there is no task
        elif action is not None and not isinstance(action, protocol.Cancellation):  # there is no call to cancel yet
            self.transport.send(action)
            if self._warm and "result" in action:
                self._warm = False
                self._start_warming()

    def _start_warming(self) -> None:
        """Import what the first call needs, in a separate thread."""
        import threading

        def warm() -> None:
            import mcp_models.servers.core.dispatcher  # noqa: F401

            self.provider.warm()

        threading.Thread(target=warm, name="warm", daemon=True).start()


class Stop(SystemExit):
    """A signal ends the server. Raised in the main thread.

    It is a `SystemExit` because an event loop lets nothing else through.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = number


class _Stopper:
    """A signal handler that stops the server on the first signal. Later ones do not disturb the shutdown."""

    def __init__(self) -> None:
        self._stopped = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopped:
            self._stopped = True
            import threading

            watchdog = threading.Timer(SHUTDOWN_SECONDS, os._exit, [128 + number])
            watchdog.daemon = True
            watchdog.start()  # ends the process even if the shutdown hangs
            raise Stop(number)


def _on_signals(handler: signal._HANDLER) -> None:
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), handler)
