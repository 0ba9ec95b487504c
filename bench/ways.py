"""Ask for a completion in each way. Each way runs in its own process, in an environment with its packages."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bench import peers, stdio
from bench.peers import Peer
from mcp_models.servers import server_modules
from tests.fakes import FAKES

HERE = Path(__file__).parent

NAMES = {
    "sdk, whole": "openai SDK, not streamed",
    "sdk": "openai SDK, streamed",
    "mcp-models": "mcp-models",
    "litellm": peers.pinned("litellm"),
    "any-llm": peers.pinned("any_llm"),
    "llm": peers.pinned("llm"),
}


@contextmanager
def provider(seconds: float, pause: float = 0) -> Iterator[str]:
    """Run a provider and yield its address. It waits before each answer, and pauses after the first piece of a stream."""
    command = [sys.executable, str(HERE / "provider.py"), str(seconds), str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def completions(way: str, url: str, what: str, *numbers: int) -> Any:
    """Return what `completions.py` measures in the environment of a way. None if that cannot be installed."""
    try:
        command = [interpreter(way), str(HERE / "completions.py"), way, url, what, *map(str, numbers)]
    except RuntimeError as error:
        click.echo(f"{way}: {error}")
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True, env=stdio.environment())
    return json.loads(done.stdout.splitlines()[-1])


def needed(found: Any) -> Any:
    """Return a result that the table cannot do without, or give up."""
    if found is None:
        raise click.ClickException("the project's own packages are not installed")
    return found


def interpreter(way: str) -> str:
    """Return the Python of the environment with a way's packages."""
    return sys.executable if way.startswith(("sdk", "mcp-models")) else peers.python(way.replace("-", "_"))


def first(way: str, url: str) -> tuple[float, float] | None:
    """Return the seconds from the start of a script to its first answer, and its seconds of CPU, including children."""
    try:
        command = [interpreter(way), str(HERE / "completions.py"), way, url, "first"]
    except RuntimeError:
        return None
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=stdio.environment())
    assert process.stdout
    answer = process.stdout.readline()
    seconds = time.perf_counter() - begun
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, answer) == (0, b"Hello there.\n"), f"{way}: {answer!r}"
    return seconds, used.ru_utime + used.ru_stime


def first_cpu() -> dict[str, float]:
    """Return the seconds of CPU of each server without an SDK, for its start, one completion and its end."""
    found = {}
    for fake_class in FAKES:
        name = fake_class.provider
        if name not in ("ollama", "google_ai_studio", "devstral_local") or name in found:
            continue
        with fake_class() as fake:
            peer = Peer(
                name, [sys.executable, "-P", "-m", *server_modules()[name]], {**fake.environment(), "MODEL_DEFAULT": fake.model}
            )
            runs = []
            for _ in range(5):
                server = stdio.Server(peer)
                assert b'"isError":false' in server.ask(stdio.request(1))
                runs.append(server.end())
            found[name.replace("_", "-")] = statistics.median(runs)
    return found
