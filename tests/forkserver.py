"""Start servers by forking a process that has already imported the providers' SDKs.

Importing an SDK takes 0.4 to 0.9 s of processor time, and most tests need their own server. A forked server is a real process,
with the environment, the folder and the streams that it is given. Only its start is different. That is tested with the real
commands, in `tests/test_cold_start.py`, `tests/test_packaging.py` and others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any, NoReturn

from mcp_models.servers import load_provider
from mcp_models.servers.core.completion import CompletionRequest
from tests.checkout import ROOT
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.mistral import FakeMistral
from tests.fakes.openai import FakeOpenAI, FakeOpenAIResponses
from tests.fakes.provider import FakeProvider

IMPORTED = ("asyncio", "msgspec", "httpx2", "genai_prices", "openai", "anthropic", "mistralai.client", "jsonschema_rs")
START_SECONDS = 60.0
_MAX_REQUEST = 1 << 20


class ForkedProcess:
    """Stand in for `subprocess.Popen`, for a server that the fork server has started."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout, self.stderr = pid, stdin, stdout, stderr
        self.returncode: int | None = None
        self.ended = threading.Event()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal. None while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to end, and return its exit code."""
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired("a forked server", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """Kill the process, if it has not ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """The process that forks the servers. Each test process has its own."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = os.pathsep.join([str(ROOT / "tests" / "loopback_only"), str(ROOT)])
        command = [sys.executable, "-m", "tests.forkserver", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._lock = threading.Lock()
        self._started: dict[int, ForkedProcess] = {}
        self._pids: list[int] = []
        self._has_pid = threading.Condition()
        threading.Thread(target=self._receive, name="fork server", daemon=True).start()

    def start(self, module: str, arguments: Sequence[str], env: Mapping[str, str], cwd: str) -> ForkedProcess:
        """Start a module as `python -m` would."""
        (stdin, our_in), (our_out, stdout), (our_err, stderr) = os.pipe(), os.pipe(), os.pipe()
        request = json.dumps({"argv": [module, *arguments], "env": dict(env), "cwd": cwd}).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], [stdin, stdout, stderr])
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
            with self._has_pid:
                assert self._has_pid.wait_for(lambda: self._pids, START_SECONDS), "the fork server does not answer"
                process = ForkedProcess(
                    self._pids.pop(), os.fdopen(our_in, "wb"), os.fdopen(our_out, "rb"), os.fdopen(our_err, "rb")
                )
                self._started[process.pid] = process
                self._has_pid.notify_all()
        return process

    def _receive(self) -> None:
        while data := self._socket.recv(_MAX_REQUEST):
            message = json.loads(data)
            with self._has_pid:
                if "started" in message:
                    self._pids.append(message["started"])
                    self._has_pid.notify_all()
                    # The report of the exit may arrive before `start` has taken the pid.
                    self._has_pid.wait_for(lambda: not self._pids, START_SECONDS)
                else:
                    process = self._started.pop(message["ended"])
                    process.returncode = message["code"]
                    process.ended.set()


@functools.cache
def fork_server() -> ForkServer:
    """Return the fork server of this process. It is started on first use, and ends with this process."""
    return ForkServer()


def main() -> None:
    """Fork a server for each request on the descriptor in the first argument, and report how each one ended."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in IMPORTED:
        importlib.import_module(name)
    for fake in (FakeOpenAI, FakeOpenAIResponses, FakeAnthropic, FakeMistral):
        _use(fake)
    for name in [name for name in sys.modules if name.startswith("mcp_models")]:
        del sys.modules[name]  # each server imports its own, which knows no key and has learnt nothing
    wakeup, wakeup_end = os.pipe()
    for descriptor in (wakeup, wakeup_end):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wakeup_end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    while True:
        ready, _, _ = select.select([control.fileno(), wakeup], [], [])
        if control.fileno() in ready:
            data, descriptors, _, _ = socket.recv_fds(control, _MAX_REQUEST, 3)
            if not data:
                return
            pid = os.fork()
            if pid == 0:
                for descriptor in (control.fileno(), wakeup, wakeup_end):
                    os.close(descriptor)
                _become(json.loads(data), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(json.dumps({"started": pid}).encode())
        if wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup, 4096)
        _tell_ends(control)


def _use(fake_class: type[FakeProvider]) -> None:
    """Make one call, as an SDK builds its types with the first one: 0.7 s of processor time for OpenAI's Responses."""

    async def complete() -> None:
        await provider.complete(CompletionRequest(prompt="Hello?", model=provider.default_model), lambda _: None)
        await provider.aclose()

    with fake_class() as fake:
        provider = load_provider(fake.provider, fake.environment())
        asyncio.run(complete())


def _become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Run a server in this process, which has just been forked."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        sys.argv = request["argv"]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except BaseException as error:
        if not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        os._exit(1)
    os._exit(0)


def _tell_ends(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        control.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


if __name__ == "__main__":
    main()
