"""Measure the bridge itself: a call of `MCPModel`, compared with the official client behind a blocking portal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.peers import OURS
from bench.stdio import PROMPT, request, started


def from_threads(ask: Callable[[], Any], threads: int, calls: int) -> float:
    """Return microseconds per call: the elapsed time divided by the number of calls."""

    def work(count: int) -> None:
        for _ in range(count):
            ask()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [5] * threads))
        begun = time.perf_counter()
        list(pool.map(work, [calls // threads] * threads))
        return (time.perf_counter() - begun) / (calls // threads * threads) * 1e6


async def from_tasks(ask: Callable[[], Awaitable[Any]], tasks: int, calls: int) -> float:
    """Do the same as `from_threads`, with coroutines."""

    async def work(count: int) -> None:
        for _ in range(count):
            await ask()

    await asyncio.gather(*(work(5) for _ in range(tasks)))
    begun = time.perf_counter()
    await asyncio.gather(*(work(calls // tasks) for _ in range(tasks)))
    return (time.perf_counter() - begun) / (calls // tasks * tasks) * 1e6


def ours(calls: int) -> dict[str, float]:
    """Return microseconds per call of `MCPModel`, for `call` and `acall`."""
    from mcp_models.client import EchoMCPModel

    with EchoMCPModel() as model:
        sync = {f"call, {n} thread{'s' * (n > 1)}": from_threads(lambda: model.call(PROMPT), n, calls) for n in (1, 8)}

        async def faces() -> dict[str, float]:
            return {f"acall, {n} task{'s' * (n > 1)}": await from_tasks(lambda: model.acall(PROMPT), n, calls) for n in (1, 8)}

        return {**sync, **asyncio.run(faces())}


def theirs(calls: int) -> dict[str, float]:
    """Return the same for the official SDK's client. Its synchronous calls go through anyio's blocking portal."""
    from anyio.from_thread import start_blocking_portal
    from mcp import Client, StdioServerParameters

    parameters = StdioServerParameters(command=OURS.command[0], args=OURS.command[1:])
    arguments = {"prompt": PROMPT}
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Client(parameters)) as client:
        sync = {
            f"call, {n} thread{'s' * (n > 1)}": from_threads(
                lambda: portal.call(client.call_tool, "complete", arguments), n, calls
            )
            for n in (1, 8)
        }

    async def faces() -> dict[str, float]:
        async with Client(parameters) as client:
            return {
                f"acall, {n} task{'s' * (n > 1)}": await from_tasks(lambda: client.call_tool("complete", arguments), n, calls)
                for n in (1, 8)
            }

    return {**sync, **asyncio.run(faces())}


def bare(calls: int) -> float:
    """Return microseconds per call over bare pipes, one call after the other. No client can be faster than this."""
    with started(OURS) as server:
        for number in range(5):
            server.ask(request(number + 1, PROMPT))
        begun = time.perf_counter()
        for number in range(calls):
            server.ask(request(number + 10, PROMPT))
        return (time.perf_counter() - begun) / calls * 1e6
