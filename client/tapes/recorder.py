"""Stand between a host and a server, pass every byte on, and write what passes to a tape.

The host and the server notice nothing: each chunk is passed on as it comes. The server has this process's stderr, gets its
signals, and its exit code becomes this process's own. A thread of its own writes the tape. If that fails, one warning says so.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import threading
import time
from queue import SimpleQueue

from mcp_models.client.tapes.errors import TapeError
from mcp_models.client.tapes.pump import Pump
from mcp_models.client.tapes.tape_file import TapeWriter
from mcp_models.servers.core.redaction import REDACTED, RedactedLog, protect, protect_environment, redact_keys
from mcp_models.servers.core.transport.lines import LineBuffer, LineTooLongError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from mcp_models.client.tapes.tape_file import Source

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""How much may wait to be written to the tape. Beyond that, the session goes on without one."""

SETTLE_SECONDS = 0.2
"""How long the server's stdout may be silent, after its exit, before nothing more is expected."""

END_SECONDS = 5.0
"""How long to wait for the tape at the end."""

FLUSH_SECONDS = 60.0
"""How long to wait for the host to read the rest, after the server's exit."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126

_PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_OF_THE_KERNEL = 128  # `si_code` of a signal that the terminal sends to every process of its group: the server has got it too
_SECRET_OPTION = r"(?i)--?[\w-]*(?:key|token|secret|password)"
_SECRET_SETTING = (
    r"(?i)(?:--?\w+=)?[\w.-]*(?:key|token|secret|password|passwd|authorization|(?<![a-z])(?:pass|pat))(?:=|:\s*)(\S.*)"
)
"""An argument such as `GITHUB_TOKEN=…` for `env` and `docker run -e`, or `X-API-Key: …` for a program that sends a header."""

_SECRET_VARIABLE = r"(?i)(?:\w*_)?(?:pat|pass|passwd|passphrase|credentials?|(?:access|auth|api|private)_?\w*(?:key|token)\w*)"
_PASSWORD_OF_URL = r"://[^\s/@:]*:([^\s/@]+)@"


def record(path: str, command: Sequence[str]) -> int:
    """Run a server between this process's stdin and stdout, and write what passes to a tape.

    Args:
        path: The tape. If there is one, the session is added to it.
        command: The server's program and its arguments.

    Returns:
        The server's exit code, negative for a signal. 127 if there is no such program, 126 if it cannot be run.
    """
    log = RedactedLog(2)
    protect_environment()
    _protect_values()
    _protect_options(command)
    unblocked = _block_signals()
    try:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, preexec_fn=unblocked)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        log.write(f"mcp-models tape: cannot start {command[0]!r}: {reason}\n")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    tape = TapeThread(path, command, log)
    exit_code = _run(server, tape)
    tape.end(exit_code)
    return exit_code


def end_as(exit_code: int) -> NoReturn:
    """End this process as the server has ended: with its exit code, or by the same signal."""
    if exit_code < 0 and hasattr(signal, "pthread_sigmask"):
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-exit_code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-exit_code})
        os.kill(os.getpid(), -exit_code)
    os._exit(exit_code if exit_code >= 0 else 128 - exit_code)


def _run(server: subprocess.Popen[bytes], tape: TapeThread) -> int:
    """Pass on bytes and signals until the server has ended, and return its exit code."""
    assert server.stdin
    assert server.stdout
    asked = Pump(0, os.dup(server.stdin.fileno()), lambda chunk: tape.take("client", chunk))
    answered = Pump(os.dup(server.stdout.fileno()), 1, lambda chunk: tape.take("server", chunk))
    server.stdin.close()
    server.stdout.close()
    asked.start()
    answered.start()
    exit_code = _wait(server)
    answered.settle(SETTLE_SECONDS, FLUSH_SECONDS)
    return exit_code


def _wait(server: subprocess.Popen[bytes]) -> int:
    """Wait for the server's exit, pass signals on to it meanwhile, and return its exit code."""
    if not hasattr(signal, "sigwait"):
        return _waited(server)
    while (exit_code := server.poll()) is None:
        number, code = _signal()
        if number != signal.SIGCHLD and code != _OF_THE_KERNEL:
            with contextlib.suppress(OSError):
                server.send_signal(number)
    return exit_code


def _waited(server: subprocess.Popen[bytes]) -> int:
    """Wait where signals cannot be waited for. A Ctrl-C reaches the server by itself."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return server.wait()


def _signal() -> tuple[int, int]:
    """Wait for a signal, and return its number and where it came from."""
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(_signals())
        return info.si_signo, info.si_code
    return signal.sigwait(_signals()), 0  # macOS


def _signals() -> set[signal.Signals]:
    return {signal.SIGCHLD, *(getattr(signal, name) for name in _PASSED_ON)}


def _block_signals() -> Callable[[], object] | None:
    """Keep signals until they are waited for. Return what undoes this in the server."""
    if not hasattr(signal, "sigwait"):
        return None
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored may not be kept
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _signals())

    def undo() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return undo


class TapeThread:
    """A thread that writes the tape. Nothing waits for it before the end.

    Args:
        path: The tape.
        command: The server's command, for the tape's header.
        log: Where to warn if the tape cannot be written.
    """

    def __init__(self, path: str, command: Sequence[str], log: io.TextIOBase) -> None:
        self._path, self._log = path, log
        self._said: SimpleQueue[tuple[float, Source, bytes] | int] = SimpleQueue()
        self._broken = False
        self._taken: dict[Source, int] = {"client": 0, "server": 0}  # each is counted by one thread
        self._written = 0
        self._lines: dict[Source, LineBuffer] = {"client": LineBuffer(), "server": LineBuffer()}
        self._thread = threading.Thread(target=self._write, args=(list(command),), name="tape", daemon=True)
        self._thread.start()

    def take(self, source: Source, chunk: bytes) -> None:
        """Take a chunk that passes. An empty one ends the last line."""
        if sum(self._taken.values()) - self._written > MAX_WAITING_BYTES:
            self._warn(f"more than {MAX_WAITING_BYTES:,} bytes wait to be written")
        if not self._broken:
            self._taken[source] += len(chunk)
            self._said.put((time.monotonic(), source, chunk))

    def end(self, exit_code: int) -> None:
        """Write the rest and the exit code, in bounded time."""
        self._said.put(exit_code)
        self._thread.join(END_SECONDS)

    def _write(self, command: list[str]) -> None:
        try:
            tape = TapeWriter(self._path, {"command": command})
            while not isinstance(item := self._said.get(), int):
                moment, source, chunk = item
                for line in self._lines[source].feed(chunk) if chunk else self._lines[source].rest():
                    tape.write(source, _whole(line), moment)
                self._written += len(chunk)
                if self._broken:
                    return
            tape.end(item)
        except (OSError, TapeError) as error:
            self._warn(error.strerror or str(error) if isinstance(error, OSError) else str(error))
        except Exception as error:  # nothing may end the session
            self._warn(f"{type(error).__name__}")

    def _warn(self, problem: str) -> None:
        if not self._broken:
            self._broken = True
            self._log.write(f"mcp-models tape: cannot write {self._path!r}: {problem}. The session goes on without a tape.\n")


def _whole(line: bytes | LineTooLongError) -> bytes:
    return f"[{line}]".encode() if isinstance(line, LineTooLongError) else line


def _protect_values() -> None:
    """Protect what looks like a key, or is the password in a URL, under whatever name the server's environment has it."""
    for name, value in os.environ.items():
        is_named_so = re.fullmatch(_SECRET_VARIABLE, name) and not os.path.exists(value)
        if is_named_so or redact_keys(value.strip()) == REDACTED:
            protect(value)
        for password in re.findall(_PASSWORD_OF_URL, value):
            protect(password)


def _protect_options(command: Sequence[str]) -> None:
    """Protect the values of options such as `--api-key`, and of settings such as `API_KEY=…`, of the server's command."""
    for option, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = option.partition("=")
        if re.fullmatch(_SECRET_OPTION, name):
            protect(value if equals else following)
        elif setting := re.fullmatch(_SECRET_SETTING, option):
            protect(setting[1])
