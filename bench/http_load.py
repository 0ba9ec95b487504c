"""Ask servers over HTTP/1.1 in raw bytes, so that the asker costs little, and look at their memory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

LIMIT = 1 << 20


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Return a request. `_` stands for `-` in the names of headers."""
    lines = [f"POST {path} HTTP/1.1", f"content-length: {len(body)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, host: str) -> bytes:
    """Return a request for a page."""
    return f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()


class Connection:
    """A connection that is kept.

    Args:
        url: The server's address.
    """

    def __init__(self, url: str) -> None:
        self._host, self._port = str(urlsplit(url).hostname), urlsplit(url).port

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=LIMIT)

    def close(self) -> None:
        self._writer.close()

    async def ask(self, request: bytes, expected: bytes) -> float:
        """Send a request, check that the answer has what is expected, and return the seconds that it took."""
        begun = time.perf_counter()
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            body = await self._reader.readuntil(b"0\r\n\r\n")
        else:
            body = await self._reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        seconds = time.perf_counter() - begun
        assert expected in body, (head + body)[:2000]
        return seconds


async def latencies(url: str, request: bytes, expected: bytes, calls: int) -> list[float]:
    """Return the seconds that each call takes, one after the other."""
    connection = Connection(url)
    await connection.open()
    for _ in range(20):
        await connection.ask(request, expected)
    times = [await connection.ask(request, expected) for _ in range(calls)]
    connection.close()
    return times


async def throughput(url: str, request: bytes, expected: bytes, in_flight: int, seconds: float) -> float:
    """Return the calls per second, with this many in flight, over so many seconds."""
    connections = [Connection(url) for _ in range(in_flight)]
    for connection in connections:
        await connection.open()
    await asyncio.gather(*(connection.ask(request, expected) for connection in connections))
    begun = time.perf_counter()
    made = 0

    async def work(connection: Connection) -> None:
        nonlocal made
        while time.perf_counter() - begun < seconds:
            await connection.ask(request, expected)
            made += 1

    await asyncio.gather(*(work(connection) for connection in connections))
    took = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return made / took


async def idle_memory(url: str, pids: list[int], request: bytes, expected: bytes, connections: int) -> float:
    """Return the MiB that processes take with so many connections, each of which has asked once."""
    opened = [Connection(url) for _ in range(connections)]
    for connection in opened:
        await connection.open()
        await connection.ask(request, expected)
    found = memory(pids)
    for connection in opened:
        connection.close()
    return found


async def busy_memory(url: str, pids: list[int], request: bytes, expected: bytes, calls: int, seconds: float) -> float:
    """Return the most MiB that processes take with so many calls in flight, each of which takes so many seconds."""
    opened = [Connection(url) for _ in range(calls)]
    for connection in opened:
        await connection.open()
    asking = asyncio.gather(*(connection.ask(request, expected) for connection in opened))
    most = 0.0
    while not asking.done():
        most = max(most, memory(pids))
        await asyncio.sleep(seconds / 20)
    await asking
    for connection in opened:
        connection.close()
    return most


def memory(pids: list[int]) -> float:
    """Return what processes have in memory, in MiB, with their share of what they share (PSS)."""
    rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(text.split("\nPss:")[1].split()[0]) for text in rolled) / 1024


def with_children(pid: int) -> list[int]:
    """Return the ids of a process and of all that it has started."""
    found = [pid]
    for one in found:
        for tasks in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in tasks.read_text().split()]
    return found
