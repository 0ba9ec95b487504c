"""Show each server's tools to real SDKs and model servers, and record whether they accept them.

`bash run_with_env.sh -m tests.acceptors` prints the table. A tool may be refused even if its JSON Schema is valid: by a type
that forbids unknown fields, by a grammar that cannot express the schema, or by a client that expects another shape.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mcp_models.servers import server_modules
from tests.checkout import ROOT
from tests.fakes import SAMPLED
from tests.fakes.gguf import write_model
from tests.installed import npm_packages, pinned, python
from tests.peer import Peer, request

ACCEPTED = "accepted"
SECONDS = 100
ENVIRONMENTS = Path(__file__).parent / "environments"
PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Server:
    """A server and its tools.

    Attributes:
        command: The command that starts it, or its address alone if it runs.
        tools: The tools that it lists.
        arguments: The arguments for a call of `complete`, which must answer with the prompt. None means not to call it.
    """

    command: list[str]
    tools: list[dict[str, Any]]
    arguments: dict[str, Any] | None = None


Servers = dict[str, Server]
Verdicts = dict[str, str]


@dataclass(frozen=True)
class Acceptor:
    """A program that may accept or refuse a tool.

    Attributes:
        name: The name, without the version.
        version: The version of the package that is run.
        judge: Returns for each server, by name, that it is accepted, or why not.
        slow: Whether it needs its own environment, which is installed on first use.
    """

    name: str
    version: str
    judge: Callable[[Servers], Verdicts]
    slow: bool = True


def acceptors() -> list[Acceptor]:
    """Return all acceptors. llama.cpp is included if it is installed."""
    genai, older_xllamacpp = _pinned("google-genai"), _pinned("xllamacpp")
    node = json.loads((ENVIRONMENTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    found = [
        Acceptor("google-genai parameters", genai, google_genai("parameters")),
        # This accepts any JSON. The column is for information only, as it does not show that Gemini accepts the schema.
        Acceptor("google-genai parameters_json_schema", genai, google_genai("parameters_json_schema")),
        Acceptor("openai-agents", _pinned("openai-agents"), in_environment("openai_agents")),
        Acceptor("Python SDK 1", _pinned("mcp", "mcp_1"), in_environment("mcp_1")),
        Acceptor("Python SDK 2", version("mcp"), mcp_2, slow=False),
        Acceptor("TypeScript SDK 1", node["@modelcontextprotocol/sdk"], typescript("1")),
        Acceptor("TypeScript SDK 2", node["@modelcontextprotocol/client"], typescript("2")),
    ]
    if importlib.util.find_spec("xllamacpp"):
        found.append(Acceptor("older llama.cpp", older_xllamacpp, older_llama))
        found.append(Acceptor("llama.cpp", version("xllamacpp"), newest_llama, slow=False))
    return found


def servers() -> Servers:
    """Return this project's servers, with one preset for all of them. Only the echo server is also called."""
    return {name: _server(name) for name in SAMPLED}


def _server(name: str) -> Server:
    with Peer(name) as peer:
        peer.initialize()
        listed = peer.ask(request(1, "tools/list"))["result"]["tools"]
    command = [sys.executable, "-m", *server_modules()[name]]
    return Server(command, listed, {"prompt": "Hello?"} if name == "echo" else None)


def google_genai(parameter: str) -> Callable[[Servers], Verdicts]:
    """Return a judge that makes function declarations for Gemini, with the schema in one of their two parameters."""
    return lambda servers: run([_environment("google_genai"), PROGRAMS / "google_genai.py", parameter], servers)


def in_environment(name: str) -> Callable[[Servers], Verdicts]:
    """Return a judge that runs the program with this name in the environment with the same name."""
    return lambda servers: run([_environment(name), PROGRAMS / f"{name}.py"], servers)


def mcp_2(servers: Servers) -> Verdicts:
    """Judge with the Python SDK that the other tests use."""
    return run([sys.executable, PROGRAMS / "mcp_2.py"], servers)


def typescript(major: str) -> Callable[[Servers], Verdicts]:
    """Return a judge that runs a major version of the TypeScript SDK."""

    def judge(servers: Servers) -> Verdicts:
        return run(["node", PROGRAMS / "typescript.mjs", major], servers, npm_packages("acceptors", ENVIRONMENTS))

    return judge


def older_llama(servers: Servers) -> Verdicts:
    """Judge with the last llama.cpp that refuses patterns it cannot follow, as many programs still include old versions."""
    return _llama(_environment("xllamacpp"), servers)


def newest_llama(servers: Servers) -> Verdicts:
    """Judge with the llama.cpp that the other tests use. It warns about such a pattern and ignores it."""
    return _llama(sys.executable, servers)


def _llama(interpreter: str | Path, servers: Servers) -> Verdicts:
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "tiny.gguf", context=8192)
        return run([interpreter, PROGRAMS / "llama.py", model], servers)


def _environment(name: str) -> Path:
    return python(ENVIRONMENTS / f"{name}.txt")


def _pinned(package: str, environment: str = "") -> str:
    return pinned(package, ENVIRONMENTS / f"{environment or package.replace('-', '_')}.txt")


def run(command: list[str | Path], servers: Servers, folder: Path | None = None) -> Verdicts:
    """Show servers to a program. If it is a Python program, it can only connect to loopback."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "loopback_only")}
    shown = json.dumps({name: asdict(server) for name, server in servers.items()})
    done = subprocess.run(command, input=shown, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[1]} ended with {done.returncode}: {done.stderr[-2000:]}")
    verdicts: Verdicts = json.loads(done.stdout)
    return {name: _in_one_line(verdict) for name, verdict in verdicts.items()}


def _in_one_line(verdict: str) -> str:
    """Return a verdict on one line, without the link that pydantic adds."""
    return " ".join(re.sub(r"For further information visit \S+", "", verdict).split())
