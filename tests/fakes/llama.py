"""Run a real llama.cpp server in a separate process, so that a test can kill it.

`python -m tests.fakes.llama MODEL_PATH` prints its URL at once, loads the model, and serves until its stdin closes.
"""

from __future__ import annotations

import argparse
import http.client
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
SECONDS = 20.0
_STOPPING_SECONDS = 2.0
_LOADING, _LOADED = 503, 200


class LlamaServer:
    """llama.cpp's own HTTP server with one model.

    Args:
        model: The model's file. Its name without the suffix is the model's name.
        context: The context size in tokens. 0, or more than the model's own size, means the model's own size.
        port: The port to listen on. 0 means any free one.
        wait: Whether to wait until the model is loaded, and not just until the server answers.
        hold: Whether to stay at "Loading model" until `release`. After that, this server guesses tokens ahead (ngram_cache).

    Attributes:
        url: The server's address, without a path.
        process: The server's process.
    """

    def __init__(self, model: Path, *, context: int = 0, port: int = 0, wait: bool = True, hold: bool = False) -> None:
        self.url = ""
        self._words = [str(model.resolve()), "--port", str(port), "--context", str(context)]
        self._states = (_LOADED,) if wait and not hold else (_LOADING, _LOADED)
        self._hold = hold
        self._gate: int | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.fakes.llama", *self._words]
        ours: tuple[int, ...] = ()
        if self._hold:
            reading, self._gate = os.pipe()
            ours, command = (reading,), [*command, "--gate", f"/dev/fd/{reading}"]
        try:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=ours
            )
        finally:
            for descriptor in ours:
                os.close(descriptor)
        try:
            self.url = self._read_url()
            self._wait_for(*self._states)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self._open_gate()
        self.process.stdin.close()
        try:
            self.process.wait(_STOPPING_SECONDS)
        except subprocess.TimeoutExpired:  # it does not look at its stdin while it loads
            self.kill()
        self.process.stdout.close()

    def kill(self) -> None:
        """Kill the process, as `kill -9` does, and wait until it has ended."""
        self.process.kill()
        self.process.wait(SECONDS)

    def release(self) -> None:
        """Let a held server finish loading, and wait until it has."""
        self._open_gate()
        self._wait_for(_LOADED)

    def health(self) -> int | None:
        """Return the status of /health: 503 while loading, 200 when loaded, or None if nothing answers."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=SECONDS)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _open_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _read_url(self) -> str:
        assert self.process.stdout
        readable, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline().strip() if readable else ""
        assert line, "the llama.cpp server did not start"
        return line

    def _wait_for(self, *states: int) -> None:
        deadline = time.monotonic() + SECONDS
        while self.health() not in states:
            assert self.process.poll() is None, "the llama.cpp server ended"
            assert time.monotonic() < deadline, "waited in vain for the llama.cpp server"
            threading.Event().wait(0.005)


def main() -> None:
    """Serve a model until stdin closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--gate", default="", help="a pipe: loading ends when its other end closes")
    words = parser.parse_args()
    with socket.socket() as reserved:  # keep the port until the server has it, so that nobody else can take it
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", words.port))
        port = reserved.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        print(url, flush=True)
        server = _load(words.model, port, words.context, words.gate)
    assert server.listening_address == url
    sys.stdin.read()
    os._exit(0)  # the server's destructor can hang


def _load(model: Path, port: int, context: int, gate: str) -> Any:
    """Load a model and return a running server. No other Python thread runs while the model is loading."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {model.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.reuse_port = True
    params.n_ctx = context
    params.warmup = False
    params.verbosity = 1
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE  # read all of it, so that a large model takes long
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # two threads would wait for each other and be slower
    if gate:  # this file is read last and to its end, so it can hold up the loading
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_CACHE]
        params.speculative.ngram_cache.lookup_cache_static = gate
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
