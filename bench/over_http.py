"""Measure HTTP beside stdio and LiteLLM's proxy. Run `bash run_with_env.sh -m bench.over_http`, or add `--quick`."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import click
from tabulate import tabulate

from bench import http_load, http_ways, peers, report, stdio, ways
from bench.http_ways import EXPECTED, PROXY, Way
from bench.peers import Peer
from bench.report import Table

RESULTS = Path(__file__).parent / "over_http.json"
PAGE = report.ROOT / "docs" / "scale.md"
DIRECT, STDIO, HTTP = "the provider itself", "mcp-models, stdio", "mcp-models, HTTP"
SERVERS: dict[str, Callable[[str, Path], AbstractContextManager[Way]]] = {HTTP: http_ways.ours, PROXY: http_ways.proxy}
PROVIDER_SECONDS, BUSY_SECONDS = 0.02, 4.0
WIDTHS = (1, 16, 64)
CONNECTIONS, BUSY = 1000, 500


@click.command()
@click.option("--quick", is_flag=True, help="Short runs, and nothing is written.")
def main(quick: bool) -> None:
    """Measure calls a second, latency and memory over HTTP, in one run."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"XDG_STATE_HOME": folder}):  # for the ledger
        tables = [measure(0.1 if quick else 1.0, Path(folder)) for measure in MEASURES]
    about = {name: value for name, value in report.machine().items() if name in ("date", "machine", "python", "mcp-models")}
    click.echo(markdown(about, tables))
    if not quick:
        RESULTS.write_text(json.dumps({"about": about, "tables": [asdict(table) for table in tables]}, indent=1) + "\n")
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(report.BEGIN)
        after = rest.partition(report.END)[2]
        PAGE.write_text(f"{before}{report.BEGIN}\n\n{markdown(about, tables)}\n{report.END}{after}", encoding="utf-8")


def markdown(about: dict[str, str], tables: list[Table]) -> str:
    """Return the tables as Markdown, without plots."""
    parts = [f"Measured on {about['date']}: {about['machine']}, Python {about['python']}.\n"]
    for table in tables:
        cells = [[_rounded(cell) for cell in row] for row in table.rows]
        parts.append(f"### {table.title}\n\n{tabulate(cells, table.columns, tablefmt='github', disable_numparse=True)}\n")
    return "\n".join(parts)


def throughputs(scale: float, folder: Path) -> Table:
    """Calls a second."""
    seconds, request = max(1.0, 6 * scale), http_ways.direct_request()
    table = Table("Calls a second of one process, of a provider that takes 20 ms", ["way", *(f"{n} in flight" for n in WIDTHS)])
    with ways.provider(PROVIDER_SECONDS) as provider:
        rows: dict[str, list[float]] = {
            DIRECT: [asyncio.run(http_load.throughput(provider, request, EXPECTED, width, seconds)) for width in WIDTHS],
            STDIO: [stdio.throughput(stdio_peer(provider), width, seconds / 2) for width in WIDTHS],
        }
        for name, start in SERVERS.items():
            with start(provider, folder) as way:
                asyncio.run(http_load.throughput(way.url, way.request, EXPECTED, 16, 2))  # a first second is slower
                rows[name] = [
                    asyncio.run(http_load.throughput(way.url, way.request, EXPECTED, width, seconds)) for width in WIDTHS
                ]
    table.rows = [[name, *found] for name, found in rows.items()]
    return table


def added_latencies(scale: float, folder: Path) -> Table:
    """Added latency."""
    calls, runs = int(500 * scale), 3
    columns = ["way", "p50, ms", "p99, ms", "added at p50, ms", "added at p99, ms"]
    times: dict[str, list[list[float]]] = {}
    with (
        ways.provider(0) as provider,
        http_ways.ours(provider, folder) as own,
        http_ways.proxy(provider, folder) as theirs,
        stdio.started(stdio_peer(provider)) as server,
    ):
        server.warm()
        for _ in range(runs):
            for name, url, request in (
                (DIRECT, provider, http_ways.direct_request()),
                (HTTP, own.url, own.request),
                (PROXY, theirs.url, theirs.request),
            ):
                times.setdefault(name, []).append(asyncio.run(http_load.latencies(url, request, EXPECTED, calls)))
            times.setdefault(STDIO, []).append([_timed(server) for _ in range(calls)])
    found = {
        name: [statistics.median(_quantile(run, q) for run in of) * 1000 for q in (0.5, 0.99)] for name, of in times.items()
    }
    table = Table("Latency of one call after the other, of a provider that answers at once", columns)
    for name in (DIRECT, STDIO, HTTP, PROXY):
        added = [value - base for value, base in zip(found[name], found[DIRECT], strict=True)]
        table.rows.append([name, *found[name], *added])
    return table


def memories(scale: float, folder: Path) -> Table:
    """Start and memory."""
    busy = max(20, int(BUSY * scale))
    columns = ["way", "start to first answer, s", "then, MiB", f"{CONNECTIONS:,} idle connections, MiB", "KiB a connection"]
    table = Table("Start and memory of one process", [*columns, f"{busy} calls in flight, MiB", "KiB a call"])
    with ways.provider(BUSY_SECONDS) as slow, ways.provider(0) as quick, stdio.started(stdio_peer(quick)) as server:
        server.ask(stdio.request(1))
        table.rows.append([STDIO, "", http_load.memory([server.process.pid]), *[""] * 4])
        for name, start in SERVERS.items():
            with start(quick, folder) as way:
                idle = http_load.memory(way.pids)
                held = asyncio.run(http_load.idle_memory(way.url, way.pids, way.probe, way.alive, CONNECTIONS))
                row: list[Any] = [name, way.seconds, idle, held, (held - idle) * 1024 / CONNECTIONS]
            with start(slow, folder) as way:
                before = http_load.memory(way.pids)
                most = asyncio.run(http_load.busy_memory(way.url, way.pids, way.request, EXPECTED, busy, BUSY_SECONDS))
                table.rows.append([*row, most, (most - before) * 1024 / busy])
    return table


MEASURES = (throughputs, added_latencies, memories)


def stdio_peer(provider: str) -> Peer:
    """Return our server on stdin and stdout."""
    return Peer(STDIO, [*peers.OURS.command[:-1], "mcp_models.servers.openai_mcp_server"], http_ways.variables(provider))


def _timed(server: stdio.Server) -> float:
    begun = time.perf_counter()
    assert EXPECTED in server.ask(stdio.request(2))
    return time.perf_counter() - begun


def _quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def _rounded(cell: Any) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"


if __name__ == "__main__":
    main()
