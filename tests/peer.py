"""Talk to a server process in raw lines, and check each line that comes back against the official wire types."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Self

import mcp_types.methods as wire_types
from mcp_types.jsonrpc import jsonrpc_message_adapter

from mcp_models.servers import server_modules
from tests.forkserver import ForkedProcess, fork_server

SECONDS = 20.0
LEGACY = "2025-11-25"
MODERN = "2026-07-28"
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}


def request(request_id: Any, method: str, params: dict[str, Any] | None = None, *, modern: bool = False) -> dict[str, Any]:
    """Return a JSON-RPC request, with the `_meta` of the modern era if `modern` is true."""
    params = dict(params or {})
    if modern:
        params["_meta"] = {**MODERN_META, **params.get("_meta", {})}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def call(request_id: Any, arguments: dict[str, Any], *, modern: bool = False, **meta: Any) -> dict[str, Any]:
    """Return a call of the tool `complete`."""
    params: dict[str, Any] = {"name": "complete", "arguments": arguments}
    return request(request_id, "tools/call", {**params, "_meta": meta} if meta else params, modern=modern)


class Peer:
    """A server process, and the raw lines to and from it.

    Args:
        command: What to start: a provider's name or a program, followed by arguments.
        options: The options of `subprocess.Popen`. If you give a provider's name, and no option except `env`, the server is
            forked from a process that has already imported its SDK.
    """

    def __init__(self, *command: str, **options: Any) -> None:
        self.process = _started(command, options)
        self.stderr = b""
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._asked: dict[Any, tuple[str, str]] = {}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_stderr)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if "PYTHON_COVERAGE" in os.environ and self.process.poll() is None:  # what is killed tells nothing
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                self.signal(signal.SIGTERM)
                self.process.wait(2)
        self.process.kill()
        self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        """Write messages or raw lines, all at once."""
        assert self.process.stdin
        lines = []
        for message in messages:
            if isinstance(message, dict) and "id" in message:
                meta = message.get("params", {}).get("_meta", {})
                era = MODERN if "io.modelcontextprotocol/protocolVersion" in meta else LEGACY
                self.expect(message["id"], message.get("method", ""), era)
            lines.append(message if isinstance(message, bytes) else json.dumps(message).encode())
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def expect(self, request_id: Any, method: str = "", era: str = LEGACY) -> None:
        """Expect an answer to a raw line, with this id and as this method's result. Without a method, expect an error."""
        self._asked[json.dumps(request_id)] = (method, era)

    def read(self, seconds: float = SECONDS) -> dict[str, Any]:
        """Return the next line, after checking it against the official types."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"the server wrote nothing for {seconds} s; stderr: {self.stderr.decode()}") from None
        assert line is not None, f"the server closed its stdout; stderr: {self.stderr.decode()}"
        message: dict[str, Any] = json.loads(line)
        self._check(line, message)
        return message

    def ask(self, message: dict[str, Any] | bytes, seconds: float = SECONDS) -> dict[str, Any]:
        """Send one message and return the next line."""
        self.send(message)
        return self.read(seconds)

    def initialize(self, version: str = LEGACY) -> dict[str, Any]:
        """Do the handshake of the legacy era."""
        client = {"name": "tests", "version": "1"}
        return self.ask(request(0, "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client}))

    def close_stdin(self) -> None:
        """Close the server's stdin."""
        assert self.process.stdin
        self.process.stdin.close()

    def rest(self, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Return all further lines, until the server closes its stdout."""
        messages = []
        while (line := self._lines.get(timeout=seconds)) is not None:
            messages.append(json.loads(line))
            self._check(line, messages[-1])
        return messages

    def exit_code(self, seconds: float = SECONDS) -> int:
        """Wait for the server to exit, and return its exit code."""
        return self.process.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.process.pid, number)

    def _check(self, line: bytes, message: dict[str, Any]) -> None:
        jsonrpc_message_adapter.validate_json(line)
        if "result" in message:
            method, era = self._asked[json.dumps(message["id"])]
            if method.startswith("tasks/") or message["result"].get("resultType") == "task":
                # The official types for Python do not have the tasks extension.
                assert message["result"]["resultType"] == ("complete" if method.startswith("tasks/") else "task")
            elif method == "ping":
                assert message["result"] == {}
            else:
                wire_types.validate_server_result(method, era, message["result"])
                wire_types.parse_server_result(method, era, message["result"])
        elif "method" in message:
            for era in (LEGACY, MODERN):
                wire_types.parse_server_notification(message["method"], era, message["params"])

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.stderr += line


def _started(command: tuple[str, ...], options: dict[str, Any]) -> subprocess.Popen[bytes] | ForkedProcess:
    named = server_modules().get(command[0])
    if named and command[0] != "echo" and hasattr(os, "fork") and not options.keys() - {"env"}:
        module, *arguments = *named, *command[1:]
        return fork_server().start(module, arguments, options.get("env", os.environ), os.getcwd())
    words = [sys.executable, "-m", *named, *command[1:]] if named else command
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, **options)


def wait_until(condition: Any, seconds: float = SECONDS) -> None:
    """Poll until a condition is true, where no event can be waited for. Fail after this many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.01)
