"""Cold start and memory, compared with the same echo tool with the official SDK. Both are measured in this run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"tests","version":"1"}}}\n'
)
SDK_SERVER = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("echo")
@server.tool()
def complete(prompt: str) -> str:
    return prompt
server.run()
"""


def handshake(command: list[str]) -> tuple[float, int]:
    """Return the seconds from the start to the answer of `initialize`, and the resident memory at that point in KiB."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        assert b'"protocolVersion":"2025-11-25"' in process.stdout.readline()
        seconds = time.perf_counter() - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
    return seconds, int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_handshake_is_fifteen_times_faster_and_memory_a_third_of_the_sdk_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    ours = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
    theirs = [sys.executable, "-c", SDK_SERVER]
    for command in (ours, theirs):
        handshake(command)  # compile the bytecode for both first
    runs = [(handshake(ours), handshake(theirs)) for _ in range(5)]
    seconds = [statistics.median(run[side][0] for run in runs) for side in (0, 1)]
    memory = [statistics.median(run[side][1] for run in runs) for side in (0, 1)]
    print(
        f"initialize: {seconds[0] * 1000:.0f} ms against {seconds[1] * 1000:.0f}; memory: {memory[0]} KiB against {memory[1]}"
    )
    assert seconds[1] / seconds[0] >= 15
    assert memory[0] <= memory[1] / 3
