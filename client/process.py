"""Owns one server process: its pipes, its exit and its end, in bounded time and without remains.

A thread reads stdout, one reads stderr, one waits for the exit: a process may exit while a grandchild holds its stdout
open, or close its stdout and live on, and both mean that no answer will come. A thread that waits for an answer reads
stdout itself at first (`read`): to be woken up by the reader's thread would cost a quick answer as much as all the rest.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque

from mcp_models.client.errors import ServerExitedError, ServerStartError, ServerTimeoutError
from mcp_models.servers.core.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STDERR_LINES = 20
LONGEST_STDERR_LINE = 2000
SETTLE_SECONDS = 0.2
"""How long an exit code, the rest of stdout or the last words on stderr may take to arrive after the first sign of an end."""

READ_SECONDS = 0.02
"""How long a thread reads the answer it waits for; a longer wait is the reader's thread's, which no Ctrl-C can interrupt."""
STANDBY_SECONDS = 0.05
"""How long the reader's thread leaves stdout to the threads that wait for answers."""

_POSIX = os.name == "posix"
_CHUNK = 1 << 16


class ServerProcess:
    """A running server.

    Args:
        command: The program and its arguments.
        env: Its whole environment; None means this process's.
        cwd: The folder it starts in; None means this process's.
        on_line: Takes each line of its stdout, in the thread that reads: the reader's, or one that waits for an answer.
        on_end: Takes, once, the error that says how it ended.
        is_idle: Says whether no answer is waited for.

    Raises:
        ServerStartError: The program could not be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: str | None,
        on_line: Callable[[bytes], None],
        on_end: Callable[[ServerExitedError], None],
        is_idle: Callable[[], bool],
    ) -> None:
        self._on_line, self._on_end, self._is_idle = on_line, on_end, is_idle
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=env,
                cwd=cwd,
                start_new_session=_POSIX,  # Ctrl-C is for the caller, and the group is ours to end
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ServerStartError(f"cannot start {command[0]!r}: {reason}") from None
        try:
            self._take_over()
        except BaseException:  # Ctrl-C: nobody would know of the process
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(SETTLE_SECONDS)
            raise

    def _take_over(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin, self._stdout, self._stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if _POSIX:
            os.set_blocking(self._stdin.fileno(), False)
        # Ctrl-C is raised after any call, so also between one that acquires a lock and the next statement: these two are
        # acquired within `try`, know whose they are, and are released as the very first thing in `finally`, without `suppress`.
        self._write_lock, self._turn = threading.RLock(), threading.RLock()  # to write to stdin, to read stdout
        self._writing = self._taking = False
        self._asked = False  # whether a thread would have read and could not
        self._needed = threading.Event()
        self._end_lock = threading.Lock()
        self._ended = False
        self._exited = threading.Event()
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._partial: list[bytes] = []
        self._reader = self._spawn(self._read_stdout)
        self._stderr_reader = self._spawn(self._read_stderr)
        self._waiter = self._spawn(self._wait)

    @property
    def alive(self) -> bool:
        """Whether an answer may still come."""
        return not self._ended

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The last lines of its stderr, secrets removed."""
        return "\n".join(list(self._tail))

    def write(self, line: bytes, timeout: float) -> None:
        """Writes to its stdin, `timeout` seconds at the most; safe to call from any thread.

        Raises:
            ServerTimeoutError: It does not read.
            ServerExitedError: It has gone.
        """
        deadline = time.monotonic() + timeout
        view = memoryview(line)
        mine = False
        try:
            if not self._write_lock.acquire(timeout=max(0, timeout)) or self._writing:  # by this thread, which was interrupted
                raise ServerTimeoutError("the server does not read its stdin", stderr=self.stderr_tail)
            mine = self._writing = True
            while view:
                view = view[self._write_some(view, deadline) :]
        except (OSError, ValueError):  # a broken or already closed pipe
            self._exited.wait(SETTLE_SECONDS)
            raise self._exit_error("the server exited") from None
        finally:
            try:
                if mine:
                    self._writing = False
                self._write_lock.release()
            except RuntimeError:  # another thread's
                pass
            if 0 < len(view) < len(line):
                self._kill()  # half a line is out: nothing sensible can follow it

    def write_at_once(self, line: bytes) -> bool:
        """Writes to its stdin if that needs no waiting; says whether it did: all of the line or nothing."""
        if not _POSIX or len(line) > select.PIPE_BUF:
            return False
        try:
            if not self._write_lock.acquire(blocking=False) or self._writing:
                return False
            return os.write(self._stdin.fileno(), line) > 0
        except (OSError, ValueError):  # a full pipe, or a broken one: `write` says which
            return False
        finally:
            try:  # noqa: SIM105
                self._write_lock.release()
            except RuntimeError:
                pass

    def read(self, until: Callable[[], bool], seconds: float) -> None:
        """Reads stdout in this thread for a moment, unless another one does.

        Args:
            until: Says whether enough was read.
            seconds: For how long at the most.
        """
        if not _POSIX:
            return
        try:
            if not self._turn.acquire(blocking=False):
                self._asked = True
            elif self._taking:
                raise RuntimeError("a signal handler asked a model just as this thread took an answer: ask from another one")
            else:
                self._read_until(until, time.monotonic() + min(seconds, READ_SECONDS))
        finally:
            try:  # noqa: SIM105
                self._turn.release()
            except RuntimeError:  # another thread's
                pass
            if not self._is_idle():
                self._needed.set()

    def attend(self) -> None:
        """Has the reader's thread read, if it has left that to the threads that wait for answers."""
        self._needed.set()

    def stop(self, grace: float) -> None:
        """Ends it: closes its stdin, waits `grace` seconds, then SIGTERM, then SIGKILL to its whole process group."""
        self._close_stdin(grace)
        for end in (self._terminate, self._kill):
            if self._exited.wait(grace):
                break
            end()
        self._exited.wait(grace + SETTLE_SECONDS)
        self._close_stdin(SETTLE_SECONDS)
        for thread in (self._reader, self._stderr_reader, self._waiter):
            if thread is not threading.current_thread():
                thread.join(SETTLE_SECONDS)

    def disown(self) -> None:
        """Closes this process's copies of the pipes after a fork, and does nothing else to the server."""
        for pipe in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.returncode = 0  # so that nothing here waits for the child of another process

    def _close_stdin(self, timeout: float) -> None:
        try:
            if self._write_lock.acquire(timeout=timeout):  # else a writer is stuck, and killing the process frees it
                self._stdin.close()
        except OSError:
            pass
        finally:
            try:  # noqa: SIM105
                self._write_lock.release()
            except RuntimeError:
                pass

    def _write_some(self, view: memoryview, deadline: float) -> int:
        while True:
            try:
                return os.write(self._stdin.fileno(), view)
            except BlockingIOError:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._ended:
                    raise ServerTimeoutError("the server does not read its stdin", stderr=self.stderr_tail) from None
                poller = select.poll()  # only POSIX blocks like this; `select` fails beyond 1,024 descriptors
                poller.register(self._stdin, select.POLLOUT)
                poller.poll(min(remaining, SETTLE_SECONDS) * 1000)

    def _spawn(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=f"{work.__name__.strip('_')} {self.pid}", daemon=True)
        thread.start()
        return thread

    def _read_stdout(self) -> None:
        try:
            while self._read_some():
                self._needed.clear()
                if self._asked and self._is_idle():
                    self._asked = False
                    self._needed.wait(STANDBY_SECONDS)
        finally:
            self._turn.acquire()  # and never released: the descriptor may soon be another file's
            self._stdout.close()
            self._end("the server exited" if self._exited.wait(SETTLE_SECONDS) else "the server closed its stdout")

    def _read_some(self) -> bool:
        with self._turn:
            return self._take(os.read(self._stdout.fileno(), _CHUNK))

    def _read_until(self, until: Callable[[], bool], deadline: float) -> None:
        poller = select.poll()  # of its own, as a signal's handler may come here as well
        poller.register(self._stdout, select.POLLIN)
        more = True  # at the end no more, which the reader's thread will find as well
        while more and not until() and _has_come(poller, deadline) and not until():
            try:
                self._taking = True
                more = self._take(os.read(self._stdout.fileno(), _CHUNK))
            except BaseException:
                self._kill()  # Ctrl-C, as it took what the answers to others may be a part of
                raise
            finally:
                self._taking = False

    def _take(self, chunk: bytes) -> bool:
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            self._on_line(b"".join([*self._partial, line]))
            self._partial.clear()
        if rest:
            self._partial.append(rest)
        return bool(chunk)

    def _read_stderr(self) -> None:
        with self._stderr:
            partial = b""
            while chunk := self._stderr.read(_CHUNK):
                *lines, partial = (partial + chunk).split(b"\n")
                partial = partial[-LONGEST_STDERR_LINE:]
                self._tail.extend(_readable(line) for line in lines[-STDERR_LINES:])
            if partial:
                self._tail.append(_readable(partial))

    def _wait(self) -> None:
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):  # somebody else reaps all children
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            self._kill_group()  # what the server left behind, while its pid still names the group and no other
        self._process.wait()
        self._exited.set()
        self._needed.set()
        self._reader.join(SETTLE_SECONDS)  # answers written just before the exit still count
        self._end("the server exited")

    def _end(self, message: str) -> None:
        with self._end_lock:
            if self._ended:
                return
            self._ended = True
        self._on_end(self._exit_error(message))

    def _exit_error(self, message: str) -> ServerExitedError:
        if self._exited.is_set() and threading.current_thread() is not self._stderr_reader:
            self._stderr_reader.join(SETTLE_SECONDS)
        return ServerExitedError(message, self.exit_code, self.stderr_tail)

    def _terminate(self) -> None:
        with contextlib.suppress(OSError):
            self._process.terminate()

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()  # does nothing once the process has been waited for

    def _kill_group(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)


def _has_come(poller: select.poll, deadline: float) -> bool:
    """Whether there is something to read before a deadline, which a flood of lines does not move."""
    remaining = deadline - time.monotonic()
    return remaining > 0 and bool(poller.poll(remaining * 1000))


def _readable(line: bytes) -> str:
    return redact(line[-LONGEST_STDERR_LINE:].decode("utf-8", "replace").rstrip("\r"))
