"""Run the echo server with a stopwatch. When it ends, it writes the median time of each step in µs to the file BENCH_STEPS."""

import json
import os
import statistics
import time

from mcp_models.servers.core import protocol, stdio
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.transport.stdio import StdioTransport
from mcp_models.servers.echo_mcp_server import Echo

STEPS = ("read", "receive", "call_tool", "send")
stamps = []
plain = {
    "read": StdioTransport.read,
    "receive": protocol.receive,
    "call_tool": CompletionService.call_tool,
    "send": StdioTransport.send,
    "exit": os._exit,
}


def timed(name):
    """Return the function of a step, with its start and end recorded."""

    def step(*arguments):
        begun = time.perf_counter()
        result = plain[name](*arguments)
        stamps.append((name, begun, time.perf_counter()))
        return result

    return step


async def call_tool(*arguments):
    """Record the one step that is a coroutine."""
    begun = time.perf_counter()
    result = await plain["call_tool"](*arguments)
    stamps.append(("call_tool", begun, time.perf_counter()))
    return result


def end(code):
    """Write the measurements, and end the process."""
    calls = [stamps[n : n + len(STEPS)] for n in range(len(stamps)) if stamps[n][0] == "read"]
    whole = [call for call in calls if tuple(name for name, _, _ in call) == STEPS]
    steps = {name: statistics.median(call[n][2] - call[n][1] for call in whole) * 1e6 for n, name in enumerate(STEPS)}
    steps["turn"] = statistics.median(call[2][1] - call[1][2] for call in whole) * 1e6
    with open(os.environ["BENCH_STEPS"], "w", encoding="utf-8") as file:
        json.dump(steps, file)
    plain["exit"](code)


StdioTransport.read, StdioTransport.send, protocol.receive, CompletionService.call_tool = (
    timed("read"),
    timed("send"),
    timed("receive"),
    call_tool,
)
os._exit = end
stdio.serve(Echo())
