"""Show each server's tools to real SDKs and model servers, and record what each makes of them.

`bash run_with_env.sh -m tests.acceptors` prints the table. A JSON Schema may be valid and the tool still be refused: by a
type that forbids what it does not know, by a grammar that cannot express it, by a client that wants another shape.
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
from tests.fakes.gguf import write_model
from tests.installed import npm_packages, python
from tests.peer import Peer, request

ACCEPTED = "accepted"
SECONDS = 100
ENVIRONMENTS = Path(__file__).parent / "environments"
PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Server:
    """A server and what it says of itself.

    Attributes:
        command: What starts it.
        tools: What it lists.
        arguments: Of a call of `complete` that has to answer with the prompt; None makes no call.
    """

    command: list[str]
    tools: list[dict[str, Any]]
    arguments: dict[str, Any] | None = None


Servers = dict[str, Server]
Verdicts = dict[str, str]


@dataclass(frozen=True)
class Acceptor:
    """What may refuse a tool.

    Attributes:
        name: Without its version.
        version: Of the package that is run.
        judge: Says of each server, by name, that it is accepted or why not.
        slow: Whether an environment of its own is installed for it on first use.
    """

    name: str
    version: str
    judge: Callable[[Servers], Verdicts]
    slow: bool = True


def acceptors() -> list[Acceptor]:
    """Return all of them; llama.cpp where the project has it."""
    genai, older_xllamacpp = pinned("google-genai"), pinned("xllamacpp")
    node = json.loads((ENVIRONMENTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    found = [
        Acceptor("google-genai parameters", genai, google_genai("parameters")),
        # Takes any JSON: a column for people, no evidence that Gemini does.
        Acceptor("google-genai parameters_json_schema", genai, google_genai("parameters_json_schema")),
        Acceptor("openai-agents", pinned("openai-agents"), in_environment("openai_agents")),
        Acceptor("Python SDK 1", pinned("mcp", "mcp_1"), in_environment("mcp_1")),
        Acceptor("Python SDK 2", version("mcp"), mcp_2, slow=False),
        Acceptor("TypeScript SDK 1", node["@modelcontextprotocol/sdk"], typescript("1")),
        Acceptor("TypeScript SDK 2", node["@modelcontextprotocol/client"], typescript("2")),
    ]
    if importlib.util.find_spec("xllamacpp"):
        found.append(Acceptor("older llama.cpp", older_xllamacpp, older_llama))
        found.append(Acceptor("llama.cpp", version("xllamacpp"), newest_llama, slow=False))
    return found


def pinned(package: str, environment: str = "") -> str:
    """Return the version of a package in its environment's lock file."""
    text = (ENVIRONMENTS / f"{environment or package.replace('-', '_')}.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found, package
    return found[1]


def servers() -> Servers:
    """Return every server of this project; the echo is called, too."""
    return {name: _server(name) for name in server_modules()}


def _server(name: str) -> Server:
    with Peer(name) as peer:
        peer.initialize()
        listed = peer.ask(request(1, "tools/list"))["result"]["tools"]
    command = [sys.executable, "-m", f"mcp_models.servers.{name}_mcp_server"]
    return Server(command, listed, {"prompt": "Hello?"} if name == "echo" else None)


def google_genai(parameter: str) -> Callable[[Servers], Verdicts]:
    """Gemini's function declarations, the schema given as one of their two parameters."""
    return lambda servers: run([_environment("google_genai"), PROGRAMS / "google_genai.py", parameter], servers)


def in_environment(name: str) -> Callable[[Servers], Verdicts]:
    """Return the program of a name in the environment of the same."""
    return lambda servers: run([_environment(name), PROGRAMS / f"{name}.py"], servers)


def mcp_2(servers: Servers) -> Verdicts:
    """Return the Python SDK that the other tests have."""
    return run([sys.executable, PROGRAMS / "mcp_2.py"], servers)


def typescript(major: str) -> Callable[[Servers], Verdicts]:
    """Return the TypeScript SDK of a major."""

    def judge(servers: Servers) -> Verdicts:
        return run(["node", PROGRAMS / "typescript.mjs", major], servers, npm_packages("acceptors", ENVIRONMENTS))

    return judge


def older_llama(servers: Servers) -> Verdicts:
    """Return the newest llama.cpp that refuses a request for a pattern it cannot follow; programs ship older ones for long."""
    return _llama(_environment("xllamacpp"), servers)


def newest_llama(servers: Servers) -> Verdicts:
    """Return the llama.cpp that the other tests have; it warns of a pattern and goes on without."""
    return _llama(sys.executable, servers)


def _llama(interpreter: str | Path, servers: Servers) -> Verdicts:
    with tempfile.TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "tiny.gguf", context=8192)
        return run([interpreter, PROGRAMS / "llama.py", model], servers)


def _environment(name: str) -> Path:
    return python(ENVIRONMENTS / f"{name}.txt")


def run(command: list[str | Path], servers: Servers, folder: Path | None = None) -> Verdicts:
    """Show servers to a program, which is held to loopback as far as it is Python's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "loopback_only")}
    shown = json.dumps({name: asdict(server) for name, server in servers.items()})
    done = subprocess.run(command, input=shown, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[1]} ended with {done.returncode}: {done.stderr[-2000:]}")
    verdicts: Verdicts = json.loads(done.stdout)
    return {name: _in_one_line(verdict) for name, verdict in verdicts.items()}


def _in_one_line(verdict: str) -> str:
    """Return a verdict without line breaks, and without the link that pydantic adds."""
    return " ".join(re.sub(r"For further information visit \S+", "", verdict).split())
