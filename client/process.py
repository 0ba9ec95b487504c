"""Run one server process and its pipes, and end it in bounded time without leaving anything behind.

One thread reads stdout, one writes to stdin, one reads stderr and one waits for the exit. A process may exit while a
grandchild keeps its stdout open, or close its stdout and live on. Either way, no more answers will come. Your own threads
never touch a pipe, so a Ctrl-C in one of them does not disturb anybody else's call.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
from queue import SimpleQueue

from mcp_models.client.errors import ServerExitedError, ServerStartError, ServerTimeoutError
from mcp_models.client.future import Future
from mcp_models.client.stderr_tail import StderrTail
from mcp_models.servers.core.transport.lines import LineBuffer, LineTooLongError, LineWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SETTLE_SECONDS = 0.2
"""How long to wait for the exit code, the rest of stdout or the end of stderr, after the first sign of an end."""

MAX_LINE_BYTES = 128 * 1024 * 1024
"""The longest answer to accept."""

MAX_UNSENT_BYTES = 256 * 1024 * 1024
"""How many bytes may wait for a server to read them."""

_POSIX = os.name == "posix"
_CHUNK = 1 << 16


class ServerProcess:
    """A running server.

    Args:
        command: The program and its arguments.
        env: The server's whole environment. None means that of this process.
        cwd: The folder to start the server in. None means that of this process.
        on_line: Called with each line of stdout, in the thread that reads.
        on_end: Called once, with the error that says how the process ended.

    Raises:
        ServerStartError: The program could not be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: str | None,
        on_line: Callable[[bytes | LineTooLongError], None],
        on_end: Callable[[ServerExitedError], None],
    ) -> None:
        self._on_line, self._on_end = on_line, on_end
        self._process = _started(command, env, cwd)
        try:
            self._take_over()
        except BaseException:  # a Ctrl-C: nobody else knows about the process, so end it
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(SETTLE_SECONDS)
            raise

    def _take_over(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        if _POSIX:
            os.set_blocking(self._stdin.fileno(), False)
        self._writer = LineWriter(self._stdin.fileno(), MAX_UNSENT_BYTES)
        self._wake: SimpleQueue[bool] = SimpleQueue()  # a signal handler may interrupt its `put` and call it, too
        self._end_lock = threading.Lock()
        self._ended = False
        self._exited = Future()
        self._stderr = StderrTail(self._process.stderr, f"read stderr {self.pid}")
        self._reader = self._spawn(self._read_stdout)
        self._threads = [self._reader, self._spawn(self._write_stdin), self._spawn(self._wait)]

    @property
    def alive(self) -> bool:
        """Whether an answer can still arrive."""
        return not self._ended

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal. None while the process runs."""
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr, with secrets removed."""
        return self._stderr.text()

    @property
    def unsent(self) -> int:
        """How many bytes the server has not read yet."""
        return self._writer.unread

    def write(self, line: bytes) -> None:
        """Queue a line for stdin, and return at once. You can call this from any thread.

        Raises:
            ServerTimeoutError: The server does not read, and too much is waiting already.
            ServerExitedError: The server has ended.
        """
        if self._ended or self._writer.failure is not None:
            self._exited.wait(SETTLE_SECONDS)
            raise self._exit_error("the server exited")
        if self._writer.is_full:
            raise ServerTimeoutError("the server does not read its stdin", stderr=self.stderr_tail)
        self._writer.put(line)
        self._wake.put(True)

    def stop(self, grace: float) -> None:
        """End the server: close its stdin and wait `grace` seconds, then send SIGTERM, then SIGKILL to its process group."""
        self._wake.put(False)  # the writer closes stdin after writing what is queued
        for end in (self._terminate, self.kill):
            if self._exited.wait(grace):
                break
            end()
        self._exited.wait(grace + SETTLE_SECONDS)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(SETTLE_SECONDS)
        self._stderr.join(SETTLE_SECONDS)

    def kill(self) -> None:
        """Kill the process."""
        with contextlib.suppress(OSError):
            self._process.kill()  # does nothing once somebody has waited for the process

    def disown(self) -> None:
        """After a fork, close this process's copies of the pipes, and leave the server alone."""
        for pipe in (self._stdin, self._stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.returncode = 0  # the server is the parent's child, so nothing here must wait for it

    def _spawn(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=f"{work.__name__.strip('_')} {self.pid}", daemon=True)
        thread.start()
        return thread

    def _read_stdout(self) -> None:
        buffer = LineBuffer(MAX_LINE_BYTES)
        try:
            with self._stdout:
                while chunk := os.read(self._stdout.fileno(), _CHUNK):
                    for line in buffer.feed(chunk):
                        self._on_line(line)
        finally:
            self._end("the server exited" if self._exited.wait(SETTLE_SECONDS) else "the server closed its stdout")

    def _write_stdin(self) -> None:
        with contextlib.suppress(OSError), self._stdin:
            while self._wake.get():
                self._writer.flush(math.inf)
            self._writer.flush(math.inf)

    def _wait(self) -> None:
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):  # something else in this program reaps all children
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with contextlib.suppress(OSError):  # kill what the server left behind, before its pid can be reused
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._exited.succeed()
        self._wake.put(False)
        self._reader.join(SETTLE_SECONDS)  # to receive answers written just before the exit
        self._end("the server exited")

    def _end(self, message: str) -> None:
        with self._end_lock:
            if self._ended:
                return
            self._ended = True
        self._on_end(self._exit_error(message))

    def _exit_error(self, message: str) -> ServerExitedError:
        if self._exited.done():
            self._stderr.join(SETTLE_SECONDS)
        return ServerExitedError(message, self.exit_code, self.stderr_tail)

    def _terminate(self) -> None:
        with contextlib.suppress(OSError):
            self._process.terminate()


def _started(command: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            env=env,
            cwd=cwd,
            start_new_session=_POSIX,  # keeps a Ctrl-C from reaching the server, and lets us kill its group
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ServerStartError(f"cannot start {command[0]!r}: {reason}") from None
