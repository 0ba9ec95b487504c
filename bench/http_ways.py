"""Start what answers over HTTP: our server, and LiteLLM's proxy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import peers, stdio
from bench.http_load import get, post, with_children
from mcp_models.servers.streamable_http.token_file import TokenRecord, digest, encoded
from tests.installed import pinned

KEY, TOKEN = "sk-made-up", "mcpm_made-up-for-the-benchmarks"
GUARD = Path(__file__).parent.parent / "tests" / "loopback_only"
START_SECONDS = 120
PROXY = f"LiteLLM's proxy {pinned('litellm', Path(__file__).parent / 'peers' / 'litellm_proxy.txt')}"
EXPECTED = b"Hello there."


@dataclass
class Way:
    """A server that is running, and how it is asked.

    Attributes:
        url: Its address.
        request: What asks for a completion.
        probe: What asks whether it is alive.
        alive: What the answer to that has.
        pids: Its processes.
        seconds: How long it took from the start to the first completion.
    """

    url: str
    request: bytes
    probe: bytes
    alive: bytes
    pids: list[int]
    seconds: float


def direct_request() -> bytes:
    """Return the request that asks the provider itself, and LiteLLM's proxy."""
    message = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello there."}], "max_tokens": 64}
    return post("/v1/chat/completions", json.dumps(message).encode(), host="127.0.0.1", authorization=f"Bearer {KEY}")


def variables(provider: str) -> dict[str, str]:
    """Return the environment of our server, so that it asks a provider."""
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{provider}/v1", "MODEL_DEFAULT": "gpt-x"}


@contextmanager
def ours(provider: str, folder: Path) -> Iterator[Way]:
    """Run our server, with a token and the ledger in a file."""
    tokens, port = folder / "tokens.json", _free_port()
    tokens.write_bytes(encoded({"bench": TokenRecord(digest(TOKEN), "2026-11-26")}))
    words = ["serve", "openai", "--http", f"127.0.0.1:{port}", "--tokens", str(tokens), "--max-requests", "2000"]
    code = "from mcp_models.client.commands import main; main()"
    arguments = {"name": "complete", "arguments": {"prompt": "Hello there.", "max_tokens": 64}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}).encode()
    headers = {"host": f"127.0.0.1:{port}", "accept": "application/json, text/event-stream"}
    request = post("/openai/mcp", body, authorization=f"Bearer {TOKEN}", **headers)
    probe = get("/healthz", f"127.0.0.1:{port}")
    command = [sys.executable, "-P", "-c", code, *words]
    with _running(command, variables(provider), port, request, probe, b"ok") as way:
        yield way


@contextmanager
def proxy(provider: str, folder: Path) -> Iterator[Way]:
    """Run LiteLLM's proxy with a key, one worker and no database."""
    port, config = _free_port(), folder / "litellm.yaml"
    route = {"model": "openai/gpt-x", "api_base": f"{provider}/v1", "api_key": KEY}
    settings = {"model_list": [{"model_name": "gpt-x", "litellm_params": route}], "general_settings": {"master_key": KEY}}
    config.write_text(json.dumps(settings))
    program = Path(peers.python("litellm_proxy")).parent / "litellm"
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "NO_COLOR": "1"}
    probe = get("/health/liveliness", f"127.0.0.1:{port}")
    command = [str(program), *words, "--keepalive_timeout", "75", "--telemetry", "False"]
    with _running(command, own, port, direct_request(), probe, b"alive") as way:
        yield way


@contextmanager
def _running(command: list[str], own: dict[str, str], port: int, request: bytes, probe: bytes, alive: bytes) -> Iterator[Way]:
    environment = {**stdio.environment(), **own, "PYTHONPATH": str(GUARD)}  # it must not reach out
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _first_answer(process, port, request)
            seconds = time.perf_counter() - begun
            yield Way(f"http://127.0.0.1:{port}", request, probe, alive, with_children(process.pid), seconds)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_answer(process: subprocess.Popen[bytes], port: int, request: bytes) -> None:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server has ended"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as client:
                client.sendall(request)
                found = b""
                while EXPECTED not in found and (data := client.recv(65536)):
                    found += data
                if EXPECTED in found:
                    return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server does not answer")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
