"""Call our server with the SDKs that hosts are made from, as `tests/acceptors` runs them."""

from __future__ import annotations

import time
from pathlib import Path

from tests.acceptors import ACCEPTED, Acceptor, Server, acceptors, servers
from tests.hosts.models import PROMPT
from tests.hosts.recording import answered, protocol, recording_interpreter
from tests.hosts.visit import REACHED, Visit

NAMES = ("Python SDK 1", "Python SDK 2", "TypeScript SDK 1", "TypeScript SDK 2", "openai-agents")


def clients() -> list[Acceptor]:
    """Return the SDKs that can call a tool."""
    return [acceptor for acceptor in acceptors() if acceptor.name in NAMES]


def call(client: Acceptor, folder: Path) -> Visit:
    """Let an SDK start our echo server and call its tool, and return what came of it.

    Raises:
        AssertionError: It refused the server or the answer.
    """
    interpreter, log = recording_interpreter(folder)
    command = [str(interpreter), "-m", "mcp_models.servers.echo_mcp_server"]
    tools = servers()["echo"].tools
    started = time.monotonic()
    verdicts = client.judge({"echo": Server(command, tools, {"prompt": PROMPT})})
    assert verdicts == {"echo": ACCEPTED}
    seconds = answered(log, PROMPT) - started
    return Visit(
        client.name, client.version, protocol(log), REACHED["call"], seconds, "bash run_with_env.sh -m tests.acceptors"
    )
