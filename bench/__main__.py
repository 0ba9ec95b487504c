"""Owns the command: `bash run_with_env.sh -m bench` measures everything and writes it down; `--quick` is for a look."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from bench import bridge, peers, report, stdio
from bench.peers import Peer
from bench.report import Table, Target
from mcp_models.servers import server_modules
from tests.fakes import FAKES

HERE = Path(__file__).parent
UPPER = 0.75
US, FLOOR, SDK = "mcp-models", "read-a-line loop (the floor)", "MCP SDK, high-level"


@click.command()
@click.option("--quick", is_flag=True, help="Few runs, and nothing is written.")
@click.option("--only", default="", help="Only the tables whose title holds this; nothing is written.")
def main(quick: bool, only: str) -> None:
    """What the bridge costs, against what a user would take instead."""
    scale = 0.1 if quick else 1.0
    tables: list[Table] = []
    targets: list[Target] = []
    servers = peers.servers()
    installed = [peer for peer in servers if not peer.missing]
    for peer in servers:
        if peer.missing:
            click.echo(f"{peer.name}: {peer.missing}")
    for measure in (
        starts,
        round_trips,
        steps,
        memory,
        payloads,
        growth,
        overhead,
        latencies,
        first_texts,
        throughputs,
        firsts,
    ):
        if only and only not in str(measure.__doc__).lower():
            continue
        table, found = measure(installed, scale)
        table.rows += [[peer.name, "not installed"] for peer in servers if peer.missing and measure in (starts, round_trips)]
        click.echo(table.markdown())
        tables.append(table)
        targets += found
    for target in targets:
        click.echo(f"{'met' if target.met else 'MISSED'}: {target.what}: asked {target.asked}, got {target.got:.3g}")
    if not (quick or only):
        report.write(tables, targets)


def at_most(what: str, got: float, limit: float, unit: str = "×") -> Target:
    """A target that is met from below."""
    return Target(what, f"≤ {limit:g} {unit}", got, got <= limit)


def at_least(what: str, got: float, limit: float, unit: str = "×") -> Target:
    """A target that is met from above."""
    return Target(what, f"≥ {limit:g} {unit}", got, got >= limit)


def starts(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Start."""
    found = stdio.handshakes(installed, runs=max(3, int(21 * scale)))
    table = Table("Start", ["server", "spawn → initialize, ms", "× the floor", "without compiled bytecode, ms"])
    table.rows = [[name, warm, warm / found[FLOOR][0], cold] for name, (warm, cold) in found.items()]
    return table, [
        at_most("handshake, to the floor's", found[US][0] / found[FLOOR][0], 1.15),
        at_least("handshake, faster than the SDK's server", found[SDK][0] / found[US][0], 15),
    ]


def round_trips(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Round trips."""
    widths = (8, 64, 256)
    calls = int(4000 * scale)
    table = Table("Round trips", ["server", "one call, µs", "calls/s, 1", *(f"{width} in flight" for width in widths)])
    one = upper_quartiles([{peer.name: stdio.round_trip(peer, calls // 10) for peer in installed} for _ in range(15)])
    for peer in installed:
        row = [stdio.throughput(peer, width, calls) for width in widths]
        table.rows.append([peer.name, one[peer.name], 1e6 / one[peer.name], *row])
    return table, [
        at_most("round trip, to the floor's", one[US] / one[FLOOR], 1.8),
        at_least("round trip, faster than the SDK's server", one[SDK] / one[US], 6),
    ]


def steps(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Where the time of a call goes."""
    runs = sorted((stdio.steps(int(1000 * scale)) for _ in range(8)), key=lambda run: run["whole"])
    found = runs[int(len(runs) * UPPER)]
    names = {
        "read": "the server reads the line",
        "receive": "JSON to a `ToolCall`",
        "turn": "a task for it, and the loop's next turn",
        "call_tool": "arguments, deadline, adapter, result",
        "send": "the result to JSON, and into the pipe",
    }
    table = Table("Where the time of a call goes", ["step", "µs"], [[names[name], found[name]] for name in names])
    rest = found["whole"] - sum(found[name] for name in names)
    table.rows += [["both processes wake up, the client asks again", rest], ["the whole round trip", found["whole"]]]
    return table, []


def memory(installed: list[Peer], _: float) -> tuple[Table, list[Target]]:
    """Memory."""
    table = Table("Memory", ["server", "idle, MiB", "eight of them, MiB", "CPU to start and end eight, s"])
    for peer in installed:
        idle = statistics.median(stdio.idle_memory(peer) for _ in range(5))
        all_eight = [Peer(name, [*peer.command[:-1], module]) for name, module in server_modules().items()]
        table.rows.append([peer.name, idle, *stdio.eight(all_eight if peer.name == US else [peer] * 8)])
    idle_of = table.column(1)
    return table, [
        at_most("idle memory, to the floor's", idle_of[US] / idle_of[FLOOR], 1.25),
        at_most("idle memory, to the SDK's server's", idle_of[US] / idle_of[SDK], 0.25),
    ]


def payloads(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Large prompts and answers."""
    sizes = (1, 10, 100)[: 3 if scale == 1 else 2]
    table = Table("Large prompts and answers", ["server", *(f"{size} MB there and back, s" for size in sizes)])
    for peer in installed:
        if peer.name in (FLOOR, US):
            table.rows.append([peer.name, *(statistics.median(stdio.payload(peer, size) for _ in range(3)) for size in sizes)])
    return table, []


def growth(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Growth."""
    last = int(100_000 * scale)
    before, after = stdio.growth(next(peer for peer in installed if peer.name == US), 1000, last)
    table = Table("Growth", ["server", "MiB after 1,000 calls", f"after {last:,}"], [[US, before, after]])
    return table, [at_most(f"memory after {last:,} calls, to that after 1,000", after / before, 1.05)]


def overhead(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """The client's own time."""
    calls = int(2000 * scale)
    floors, ours_runs, theirs_runs = [], [], []
    for _ in range(6):  # in turns, as a machine has its moods
        floors.append({"bare": bridge.bare(calls)})
        ours_runs.append(bridge.ours(calls))
        theirs_runs.append(bridge.theirs(calls))
    floor, ours, theirs = upper_quartiles(floors)["bare"], upper_quartiles(ours_runs), upper_quartiles(theirs_runs)
    table = Table("The client", ["face", "MCPModel, µs a call", "SDK client, µs a call", "ratio of what is above bare pipes"])
    for face in ours:
        above = (theirs[face] - floor) / (ours[face] - floor) if ours[face] > floor and "1 " in face else "–"
        table.rows.append([face, ours[face], theirs[face], above])
    table.rows.append(["bare pipes, one call after the other", floor, "", ""])
    face = "call, 1 thread"
    ratio = (theirs[face] - floor) / max(1.0, ours[face] - floor)
    return table, [at_least("call() above bare pipes, less than the SDK's client behind a portal", ratio, 10)]


def latencies(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Latency of a completion."""
    found = {}
    with provider(0) as url:
        for way in ("sdk, whole", "sdk", "mcp-models", "litellm", "any-llm"):
            # In turns, as a machine has its moods; of each way the median run.
            runs = [completions(way, url, "latency", int(400 * scale)) for _ in range(3)]
            if all(isinstance(run, list) for run in runs):
                found[way] = [statistics.median(quantile(run, q) for run in runs) * 1000 for q in (0.5, 0.99)]
    table = Table("Latency of a completion", ["way", "p50, ms", "p99, ms", "added to the SDK's p50, ms", "to its p99, ms"])
    base = found["sdk"]
    table.rows = [[NAMES[way], p50, p99, p50 - base[0], p99 - base[1]] for way, (p50, p99) in found.items()]
    return table, [
        at_most("a completion, added to the SDK's p50", found[US][0] - base[0], 0.6, "ms"),
        at_most("a completion, added to the SDK's p99", found[US][1] - base[1], 3, "ms"),
    ]


def first_texts(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """First text of a stream."""
    with provider(0) as url:
        found = {way: completions(way, url, "first_text", int(400 * scale)) for way in ("sdk", US)}
    table = Table("First text of a stream", ["way", "p50, ms", "p99, ms"])
    table.rows = [[NAMES[way], *(quantile(run, q) * 1000 for q in (0.5, 0.99))] for way, run in found.items()]
    return table, []


def throughputs(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Completions a second."""
    calls = int(4096 * scale)
    table = Table("Completions a second, of a provider that takes 20 ms", ["way", "64 in flight", "256 in flight"])
    with provider(0.02) as url:
        columns = [
            medians([{way: completions(way, url, "throughput", width, calls) for way in ("sdk", US)} for _ in range(5)])
            for width in (64, 256)
        ]
    table.rows = [[NAMES[way], *(column[way] for column in columns)] for way in ("sdk", US)]
    at_64 = table.column(1)
    return table, [
        at_least("completions a second with 64 in flight, to the SDK's", at_64[NAMES[US]] / at_64[NAMES["sdk"]], 0.85)
    ]


def firsts(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """First completion from a cold start."""
    times: dict[str, list[tuple[float, float]]] = {}
    with provider(0) as url:
        for _ in range(max(3, int(9 * scale))):
            for way in ("sdk", US, "litellm", "llm"):
                if (found := first(way, url)) is not None:
                    times.setdefault(way, []).append(found)
    table = Table("First completion from a cold start", ["way", "s", "CPU, s"])
    table.rows = [
        [NAMES[way], *(statistics.median(column) for column in zip(*runs, strict=True))] for way, runs in times.items()
    ]
    wall = table.column(1)
    targets = [at_most("first completion, to a script with the SDK", wall[NAMES[US]] / wall[NAMES["sdk"]], 1.05)]
    for name, cpu in first_cpu().items():
        table.rows.append([f"{name}-mcp-server (httpx2), the server alone", "", cpu])
        targets.append(at_most(f"CPU to the first completion, {name}", cpu, 0.4, "s"))
    return table, targets


NAMES = {
    "sdk, whole": "openai SDK, not streamed",
    "sdk": "openai SDK",
    "mcp-models": "mcp-models",
    "litellm": peers.pinned("litellm"),
    "any-llm": peers.pinned("any_llm"),
    "llm": peers.pinned("llm"),
}


@contextmanager
def provider(seconds: float) -> Iterator[str]:
    """The address of a provider that takes so many seconds."""
    command = [sys.executable, str(HERE / "provider.py"), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def completions(way: str, url: str, what: str, *numbers: int) -> Any:
    """What `completions.py` measures in the environment of a way; a sentence if that cannot be had."""
    try:
        command = [interpreter(way), str(HERE / "completions.py"), way, url, what, *map(str, numbers)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment())
        return json.loads(done.stdout.splitlines()[-1])
    except (RuntimeError, subprocess.SubprocessError) as error:
        click.echo(f"{way}: {getattr(error, 'stderr', '') or error}"[-1000:])
        return str(error)


def interpreter(way: str) -> str:
    """The Python that has a way's packages."""
    return sys.executable if way.startswith(("sdk", "mcp-models")) else peers.python(way.replace("-", "_"))


def environment() -> dict[str, str]:
    """That of a user: with compiled bytecode."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def first(way: str, url: str) -> tuple[float, float] | None:
    """Seconds, and seconds of CPU, of a script that asks once; its children included."""
    try:
        command = [interpreter(way), str(HERE / "completions.py"), way, url, "first"]
    except RuntimeError:
        return None
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    return (seconds, used.ru_utime + used.ru_stime) if process.returncode == 0 else None


def first_cpu() -> dict[str, float]:
    """Seconds of CPU of each server without an SDK, from its start over one completion to its end."""
    found = {}
    for fake_class in FAKES:
        name = fake_class.provider
        if name not in ("ollama", "google_ai_studio", "devstral_local") or name in found:
            continue
        with ExitStack() as stack:
            fake = stack.enter_context(fake_class())
            peer = Peer(
                name, [sys.executable, "-P", "-m", server_modules()[name]], {**fake.environment(), "MODEL_DEFAULT": fake.model}
            )
            runs = []
            for _ in range(5):
                server = stdio.Server(peer)
                assert b'"isError":false' in server.ask(stdio.request(1))
                runs.append(server.end())
            found[name.replace("_", "-")] = statistics.median(runs)
    return found


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each thing that was measured in every run."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def upper_quartiles(runs: list[dict[str, float]]) -> dict[str, float]:
    """The upper quartile of each thing, not the median, for calls that take microseconds.

    The system puts the two processes now on one core, now on two, and on one they answer each other six times as fast: a
    median would be of the one here and of the other there. The upper quartile is of two cores.
    """
    return {name: quantile([run[name] for run in runs], UPPER) for name in runs[0]}


def quantile(values: list[float], q: float) -> float:
    """The value below which so many of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


if __name__ == "__main__":
    main()
