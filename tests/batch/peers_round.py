"""Compare a batch with what you would use instead: speed, memory, and what a kill costs."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.peers import Peer, peers
from tests.batch.processes import memory, until
from tests.batch.program import lines, write_rows
from tests.trust.outcome import Outcome

Figure = int | float | str

SECONDS = 120.0
EVERY = 0.3


def check_peers(folder: Path, rows: int, concurrency: int, rounds: int = 3) -> Outcome:
    """Run each over the same rows: some times to the end, in turns, and once with `kill -9` in the middle and the same again.

    It only measures: nothing here is a claim that could fail, but that ours gives each row a result.

    Args:
        folder: An empty folder.
        rows: How many rows there are.
        concurrency: How many calls are in flight.
        rounds: How often the speed of each is measured. The best counts: rows a second between the first answer and the last.
    """
    outcome = Outcome(f"{rows:,} rows, {concurrency} in flight, beside what you would use instead")
    source = folder / "in.jsonl"
    write_rows(source, rows)
    found: dict[str, dict[str, Figure]] = {}
    for turn in range(rounds):
        for number, peer in enumerate(peers()):
            measured = _whole(peer, source, folder / f"whole{turn}-{number}.jsonl", rows, concurrency)
            best = found.setdefault(peer.name, measured)
            if int(measured["rows/s"]) > int(best["rows/s"]):
                found[peer.name] = measured
    for number, peer in enumerate(peers()):
        found[peer.name] |= _killed(peer, source, folder / f"killed{number}.jsonl", rows, concurrency)
        figures = ", ".join(f"{name} {value}" for name, value in found[peer.name].items())
        print(f"    {peer.name}: {figures}", flush=True)
        outcome.figures[peer.name] = f"{found[peer.name]['rows/s']} rows/s"
    ours = found[peers()[0].name]
    if ours["results"] != rows or ours["results after the kill"] != rows:
        outcome.fail(f"ours: {ours}")
    return outcome


def _whole(peer: Peer, source: Path, output: Path, rows: int, concurrency: int) -> dict[str, Figure]:
    with CountingOpenAI() as fake:
        began = time.monotonic()
        process = _started(peer, source, output, concurrency, fake)
        peak, deadline = 0, began + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            peak = max(peak, memory(process.pid))
            time.sleep(EVERY)
        seconds = time.monotonic() - began
        problem = _ended(process)
    found: dict[str, Figure] = {"rows/s": round(rows / max(0.1, fake.last - fake.first)), "seconds": round(seconds, 1)}
    found |= {"MB": peak, "most in flight": fake.most, "answers": fake.answered.total()}
    return found | {"results": _results(output, rows)} | problem


def _killed(peer: Peer, source: Path, output: Path, rows: int, concurrency: int) -> dict[str, Figure]:
    with CountingOpenAI() as fake:
        process = _started(peer, source, output, concurrency, fake)
        until(lambda: len(fake.answered) >= rows // 2 or process.poll() is not None, SECONDS)
        process.kill()
        _ended(process)
        time.sleep(0.5)  # what it has sent by then has been paid for
        process = _started(peer, source, output, concurrency, fake)
        until(lambda: process.poll() is not None, SECONDS)
        problem = _ended(process)
        twice = sum(count - 1 for count in fake.answered.values())
    return {"results after the kill": _results(output, rows), "paid twice": twice, **problem}


def _started(peer: Peer, source: Path, output: Path, concurrency: int, fake: CountingOpenAI) -> subprocess.Popen[bytes]:
    env = {**os.environ, **fake.environment(), "MCP_MODELS_LEDGER": "off", **peer.env}
    with (output.parent / "said").open("wb") as said:
        words = peer.command(source, output, concurrency)
        return subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=output.parent)


def _ended(process: subprocess.Popen[bytes]) -> dict[str, Figure]:
    """End a program that has not ended, and return what was wrong with it."""
    if process.poll() is None:
        process.kill()
        process.wait()
        return {"problem": "it did not end"}
    return {"exit code": process.returncode} if process.returncode > 0 else {}


def _results(output: Path, rows: int) -> int:
    """Return how many rows have exactly one result."""
    found = Counter(line["id"] for line in lines(output) if line["output"] is not None)
    return sum(found[f"r{number}"] == 1 for number in range(rows))
