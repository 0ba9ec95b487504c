"""Measure everything and write it down. Run `bash run_with_env.sh -m bench`, or add `--quick` for a first look."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import click

from bench import bridge, peers, report, stdio, ways
from bench.peers import Peer
from bench.report import Table, Target
from mcp_models.servers import server_modules
from mcp_models.servers.presets import PRESETS

US, FLOOR, SDK = peers.OURS.name, peers.FLOOR.name, peers.SDK.name


@click.command()
@click.option("--quick", is_flag=True, help="Few runs, and nothing is written.")
@click.option("--half", is_flag=True, help="Half as many runs, in half the time; the page says so.")
@click.option("--only", default="", help="Only the tables whose title holds this; nothing is written.")
def main(quick: bool, half: bool, only: str) -> None:
    """Measure what the bridge costs, compared with what you would use instead."""
    scale = 0.1 if quick else 0.5 if half else 1.0
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"XDG_STATE_HOME": folder}):  # for the ledger
        _measure(scale, only, is_kept=not (quick or only), runs="half of the usual number" if half else "")


def _measure(scale: float, only: str, is_kept: bool, runs: str) -> None:
    tables: list[Table] = []
    targets: list[Target] = []
    servers = peers.servers()
    installed = [peer for peer in servers if not peer.missing]
    for peer in servers:
        if peer.missing:
            click.echo(f"{peer.name}: {peer.missing}")
    chosen = [measure for measure in MEASURES if only.lower() in str(measure.__doc__).lower()]
    if not chosen:
        titles = " ".join(str(measure.__doc__).splitlines()[0] for measure in MEASURES)
        raise click.UsageError(f"no table's title holds {only!r}; there are: {titles}")
    for measure in chosen:
        table, found = measure(installed, scale)
        if table.columns[0] == "server" and len(table.rows) >= len(installed):
            table.rows += [[peer.name, "not installed"] for peer in servers if peer.missing]
        click.echo(table.markdown())
        tables.append(table)
        targets += found
    for target in targets:
        click.echo(f"{'met' if target.met else 'MISSED'}: {target.what}: asked {target.asked}, got {target.got:.3g}")
    if is_kept:
        report.write(tables, targets, {"runs": runs} if runs else {})


def at_most(what: str, got: float, limit: float, unit: str = "×") -> Target:
    """Return a target with an upper limit."""
    return Target(what, f"≤ {limit:g} {unit}", got, got <= limit)


def at_least(what: str, got: float, limit: float, unit: str = "×") -> Target:
    """Return a target with a lower limit."""
    return Target(what, f"≥ {limit:g} {unit}", got, got >= limit)


def starts(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Start."""
    found = stdio.handshakes(installed, runs=max(3, int(21 * scale)))
    columns = [
        "server",
        "spawn → initialize, ms",
        "× the floor",
        "→ tools/list, ms",
        "initialize without compiled bytecode, ms",
    ]
    table = Table("Start", columns)
    for name, (warm, listed, cold) in found.items():
        table.rows.append([name, warm, warm / found[FLOOR][0], listed, "–" if name == peers.TYPESCRIPT else cold])
    return table, [
        at_most("handshake, to the floor's", found[US][0] / found[FLOOR][0], 1.15),
        at_least("handshake, faster than the SDK's server", found[SDK][0] / found[US][0], 15),
    ]


def round_trips(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Round trips."""
    calls, rounds = int(1000 * scale), few(5, scale)
    found = {
        place: in_turns(installed, rounds, partial(stdio.round_trip, calls=calls, cores=cores))
        for place, cores in stdio.PLACES.items()
    }
    table = Table("Round trips", ["server", *(f"µs, {place}" for place in found), "× the floor, on two cores"], plotted=3)
    for peer in installed:
        row = [found[place][peer.name] for place in found]
        table.rows.append([peer.name, *row, row[1] / found["on two cores"][FLOOR]])
    targets = [
        at_most(f"round trip, to the floor's, {place}", found[place][US] / found[place][FLOOR], 1.8)
        for place in ("on two cores", "on one core")
    ]
    targets += [
        at_least(f"round trip, faster than the SDK's server, {place}", found[place][SDK] / found[place][US], 6)
        for place in found
    ]
    return table, targets


def in_flight(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Calls a second."""
    widths = (1, 8, 64, 256)
    columns = [
        in_turns(installed, few(3, scale), partial(stdio.throughput, in_flight=width, seconds=scale)) for width in widths
    ]
    table = Table("Calls a second", ["server", *(f"{width} in flight" for width in widths), "× mcp-models, 64 in flight"])
    table.plotted = len(widths)
    for peer in installed:
        row = [column[peer.name] for column in columns]
        table.rows.append([peer.name, *row, row[2] / columns[2][US]])
    return table, []


def steps(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Where the time of a call goes."""
    found = medians([stdio.steps(int(1000 * scale)) for _ in range(few(5, scale))])
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


def memory(installed: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Memory."""
    runs = [{peer.name: stdio.memory(peer) for peer in installed} for _ in range(few(5, scale))]
    of = {peer.name: medians([run[peer.name] for run in runs]) for peer in installed}
    columns = ["idle, MiB", "× the floor", "after tools/list", "after a call", "eight, idle", "CPU to start and end eight, s"]
    table = Table("Memory", ["server", *columns])
    ours = [Peer(name, [*peers.OURS.command[:-1], *words]) for name, words in server_modules().items() if name not in PRESETS]
    for peer in installed:
        found = of[peer.name]
        row = [found["idle"], found["idle"] / of[FLOOR]["idle"], found["listed"], found["called"]]
        table.rows.append([peer.name, *row, *stdio.eight(ours if peer is peers.OURS else [peer] * len(ours))])
    return table, [
        at_most("idle memory, to the floor's", of[US]["idle"] / of[FLOOR]["idle"], 1.25),
        at_most("idle memory, to the SDK's server's", of[US]["idle"] / of[SDK]["idle"], 0.25),
    ]


def payloads(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Large prompts and answers."""
    sizes = (1, 10, 60)[: 3 if scale >= 0.5 else 2]  # a line may have 64 MB
    both = [peers.FLOOR, peers.OURS]
    columns = [in_turns(both, 3, partial(stdio.payload, megabytes=size)) for size in sizes]
    table = Table("Large prompts and answers", ["server", *(f"{size} MB there and back, s" for size in sizes)])
    table.rows = [[peer.name, *(column[peer.name] for column in columns)] for peer in both]
    table.rows.append(["× the floor", *(column[US] / column[FLOOR] for column in columns)])
    return table, []


def growth(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Growth."""
    last = int(100_000 * (1 if scale >= 0.5 else scale))
    before, after = stdio.growth(peers.OURS, 1000, last)
    table = Table("Growth", ["server", "MiB after 1,000 calls", f"after {last:,}"], [[US, before, after]])
    return table, [at_most(f"memory after {last:,} calls, to that after 1,000", after / before, 1.05)]


def overhead(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """The client."""
    calls = int(2000 * scale)
    runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": [], "theirs": []}
    for _turn in range(few(6, scale)):  # take turns, as the machine's speed varies over time
        runs["bare"].append({"bare": bridge.bare(calls)})
        runs["ours"].append(bridge.ours(calls))
        runs["theirs"].append(bridge.theirs(calls))
    floor, ours, theirs = upper_quartiles(runs["bare"])["bare"], upper_quartiles(runs["ours"]), upper_quartiles(runs["theirs"])
    columns = ["face", "MCPModel, µs a call", "SDK client, µs a call", "×", "× of what is above bare pipes"]
    table = Table("The client", columns, plotted=2)
    for face in ours:
        above = (theirs[face] - floor) / (ours[face] - floor) if ours[face] > floor and "1 " in face else "–"
        table.rows.append([face, ours[face], theirs[face], theirs[face] / ours[face], above])
    table.rows.append(["bare pipes, one call after the other", floor, "", "", ""])
    face = "call, 1 thread"
    ratio = (theirs[face] - floor) / max(1.0, ours[face] - floor)
    return table, [at_least("call() above bare pipes, less than the SDK's client behind a portal", ratio, 5)]


def latencies(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Latency of a completion."""
    with ways.provider(0) as url:
        runs, missing = in_turns_if_installed(
            ("sdk, whole", "sdk", US, "litellm", "any-llm"),
            3,
            lambda way: ways.completions(way, url, "latency", int(400 * scale)),
        )
    found = {way: percentiles(of) for way, of in runs.items()}
    columns = [
        "way",
        "p50, ms",
        "p99, ms",
        "added to the SDK, streamed, p50",
        "p99",
        "added to the SDK, not streamed, p50",
        "p99",
    ]
    table = Table("Latency of a completion", columns)
    for way, (p50, p99) in found.items():
        added = [
            value - base for base_way in ("sdk", "sdk, whole") for value, base in zip((p50, p99), found[base_way], strict=True)
        ]
        table.rows.append([ways.NAMES[way], p50, p99, *added])
    table.rows += missing
    return table, [
        at_most(f"a completion, added to the SDK's {q}{kind}", found[US][n] - found[base][n], limit, "ms")
        for base, kind in (("sdk", ", streamed"), ("sdk, whole", ", not streamed"))
        for n, (q, limit) in enumerate((("p50", 0.6), ("p99", 3)))
    ]


def first_texts(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """First text of a stream."""
    pause = 0.02
    runs: dict[str, list[list[float]]] = {"sdk": [], US: []}
    with ways.provider(0, pause) as url:
        for _turn in range(3):
            for way, found in runs.items():
                found.append(ways.needed(ways.completions(way, url, "first_text", int(100 * scale))))
    of = {way: percentiles(found) for way, found in runs.items()}
    title = f"First text of a stream, the second comes {pause * 1000:.0f} ms later"
    table = Table(title, ["way", "p50, ms", "p99, ms", "added to the SDK's p50", "to its p99"])
    for way, times in of.items():
        table.rows.append([ways.NAMES[way], *times, *(time - base for time, base in zip(times, of["sdk"], strict=True))])
    assert of[US][0] < pause * 1000, "the text is held back until the answer is whole"
    return table, []


def throughputs(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """Completions a second, of a provider that takes 20 ms."""
    calls = int(2048 * scale)
    with ways.provider(0.02) as url:
        columns = [
            medians(
                [
                    {
                        way: ways.needed(ways.completions(way, url, "throughput", width, max(calls, 4 * width)))
                        for way in ("sdk", US)
                    }
                    for _turn in range(few(5, scale))
                ]
            )
            for width in (64, 256)
        ]
    table = Table("Completions a second, of a provider that takes 20 ms", ["way", "64 in flight", "256 in flight"])
    table.rows = [[ways.NAMES[way], *(column[way] for column in columns)] for way in ("sdk", US)]
    ratios = [column[US] / column["sdk"] for column in columns]
    table.rows.append(["× the SDK", *ratios])
    return table, [at_least("completions a second with 64 in flight, to the SDK's", ratios[0], 0.85)]


def ledger_costs(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """What the ledger costs."""

    def calls_a_second(url: str) -> float:
        calls = int(4096 * scale)
        return float(ways.needed(ways.completions(US, url, "throughput", 64, max(calls, 256))))

    found: dict[str, list[tuple[float, float]]] = {"on": [], "off": []}
    with ways.provider(0.02) as url:
        for _turn in range(few(7, scale)):
            for name, runs in found.items():
                with mock.patch.dict(os.environ, {} if name == "on" else {"MCP_MODELS_LEDGER": "off"}):
                    trip = stdio.round_trip(peers.OURS, calls=int(1000 * scale), cores=stdio.PLACES["on one core"])
                    runs.append((trip, calls_a_second(url)))
    rows = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    table = Table("What the ledger costs", ["ledger", "round trip on one core, µs", "completions a second, 64 in flight"])
    table.rows = [[name, *row] for name, row in rows.items()]
    ratio = rows["on"][1] / rows["off"][1]
    table.rows.append(["× without it", rows["on"][0] / rows["off"][0], ratio])
    return table, [at_least("completions a second with the ledger, to those without", ratio, 0.97)]


def firsts(_: list[Peer], scale: float) -> tuple[Table, list[Target]]:
    """First completion from a cold start."""
    with ways.provider(0) as url:
        runs, missing = in_turns_if_installed(
            ("sdk", "sdk, whole", US, "litellm", "llm"), max(3, int(9 * scale)), lambda way: ways.first(way, url)
        )
    times = {way: [statistics.median(column) for column in zip(*of, strict=True)] for way, of in runs.items()}
    table = Table("First completion from a cold start", ["way", "s", "CPU, s", "× the SDK, streamed"])
    table.rows = [[ways.NAMES[way], wall, cpu, wall / times["sdk"][0]] for way, (wall, cpu) in times.items()]
    table.rows += missing
    targets = [
        at_most(f"first completion, to a script with the SDK{kind}", times[US][0] / times[base][0], 1.05)
        for base, kind in (("sdk", ", streamed"), ("sdk, whole", ", not streamed"))
    ]
    for name, cpu in ways.first_cpu().items():
        table.rows.append([f"{name}-mcp-server (httpx2), the server alone", "", cpu, ""])
        targets.append(at_most(f"CPU to the first completion, {name}", cpu, 0.4, "s"))
    return table, targets


def few(rounds: int, scale: float) -> int:
    """Scale a number of rounds down for a quick look, but not below one."""
    return max(1, round(rounds * scale)) if scale >= 0.5 else 1


def in_turns(servers: list[Peer], rounds: int, measure: Callable[[Peer], float]) -> dict[str, float]:
    """Return the median for each server. They take turns in every round, as the machine's speed varies over time."""
    return medians([{peer.name: measure(peer) for peer in servers} for _ in range(rounds)])


def in_turns_if_installed(
    names: tuple[str, ...], rounds: int, measure: Callable[[str], Any]
) -> tuple[dict[str, list[Any]], list[list[str]]]:
    """Return the measurements of each way, taking turns in every round, and a row for each way that is not installed."""
    runs: dict[str, list[Any]] = {name: [] for name in names}
    for _turn in range(rounds):
        for name in names:
            if (found := measure(name)) is not None:
                runs[name].append(found)
    missing = [[ways.NAMES[name], "not installed"] for name in names if not runs[name]]
    return {name: found for name, found in runs.items() if found}, missing


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median over all runs for each thing measured."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def upper_quartiles(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the upper quartile over all runs for each thing measured. Use this for calls that take microseconds.

    The system puts the two processes sometimes on one core and sometimes on two, and on one they answer each other six times
    as fast. A median would be from either case, by chance. The upper quartile is from two cores.
    """
    return {name: quantile([run[name] for run in runs], 0.75) for name in runs[0]}


def percentiles(runs: list[list[float]]) -> list[float]:
    """Return p50 and p99 in milliseconds, as the medians over several runs in seconds."""
    return [statistics.median(quantile(run, q) for run in runs) * 1000 for q in (0.5, 0.99)]


def quantile(values: list[float], q: float) -> float:
    """Return the q-quantile of the values: the value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


MEASURES = (
    starts,
    round_trips,
    in_flight,
    steps,
    memory,
    payloads,
    growth,
    overhead,
    latencies,
    first_texts,
    throughputs,
    ledger_costs,
    firsts,
)

if __name__ == "__main__":
    main()
