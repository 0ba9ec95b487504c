"""Run a batch on Ray and kill a worker, then the program: each row has one result, and only calls in flight are paid twice."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.processes import descendants, memory, read, until
from tests.batch.program import kill, lines, write_rows
from tests.checkout import ROOT
from tests.installed import python
from tests.trust.outcome import Outcome

LOCK_FILE = Path(__file__).parent / "environments" / "ray.txt"
WORKERS, CONCURRENCY = 2, 16
SECONDS = 240.0
WORKER_NAME = b"ray::MapWorker"


@functools.cache
def interpreter() -> str:
    """Return the Python of an environment with Ray. It is created on first use, in the home folder of that moment."""
    return str(python(LOCK_FILE))


def check_ray(folder: Path, rows: int) -> Outcome:
    """Check that a batch on Ray survives `kill -9` of a worker, and then of the program.

    Args:
        folder: An empty folder.
        rows: How many rows there are.
    """
    outcome = Outcome(f"{rows:,} rows on {WORKERS} workers of Ray, one killed, then the program: each has one result")
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    write_rows(source, rows)
    with CountingOpenAI() as fake:
        process = _started(source, output, fake)
        _kill_a_worker(outcome, process.pid, fake, rows // 4)
        if not until(lambda: len(fake.answered) >= rows * 3 // 4, SECONDS):
            outcome.fail("it did not go on after its worker was killed")
        outcome.figures["paid twice after the worker was killed"] = _twice(fake)
        kill(process)  # its workers live on for some seconds, beside those of the next one
        process = _started(source, output, fake)
        try:
            said = process.communicate(timeout=SECONDS)[1].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1].decode()
        _check(outcome, output, fake, rows, said)
    return outcome


def _started(source: Path, output: Path, fake: CountingOpenAI) -> subprocess.Popen[bytes]:
    packages = next((ROOT / "build").glob("__editable__.*"))
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, **fake.environment(), "MCP_MODELS_LEDGER": "off", "PYTHONPATH": path}
    words = ["batch", "openai/gpt-x", str(source), "-o", str(output), "--concurrency", str(CONCURRENCY)]
    command = [interpreter(), "-m", "mcp_models.client.commands", *words]
    options = ["--engine", "ray", "--workers", str(WORKERS)]
    return subprocess.Popen([*command, *options], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _kill_a_worker(outcome: Outcome, program: int, fake: CountingOpenAI, at: int) -> None:
    """Kill one of the workers as soon as so many rows have been answered."""
    if not until(lambda: len(fake.answered) >= at, SECONDS):
        outcome.fail(f"it did not get to row {at:,}")
        return
    tree = descendants(program)
    outcome.figures["memory of all processes in MB"] = memory(program)
    workers = [pid for pid in tree if WORKER_NAME in read(pid, "cmdline")]
    outcome.figures["workers"] = len(workers)
    if not workers:
        outcome.fail("no worker was found")
        return
    os.kill(workers[0], signal.SIGKILL)


def _check(outcome: Outcome, output: Path, fake: CountingOpenAI, rows: int, said: str) -> None:
    results = Counter(line["id"] for line in lines(output) if line["output"] is not None)
    outcome.figures |= {"results": results.total(), "answers paid for": fake.answered.total(), "paid twice": _twice(fake)}
    wrong = [number for number in range(rows) if results[f"r{number}"] != 1]
    if wrong or results.total() != rows or f"{rows:,} succeeded, 0 failed" not in said:
        outcome.fail(f"{len(wrong):,} rows do not have one result; it said: {said[-600:]}")
    # In flight were those of one worker at the first kill, and those of all at the second.
    if _twice(fake) > CONCURRENCY // WORKERS + CONCURRENCY or max(fake.answered.values()) > 3:
        outcome.fail(f"{_twice(fake)} answers were paid twice, with {CONCURRENCY} calls in flight")
    for what in fake.wrong:
        outcome.fail(f"the fake refused a request: {what}")


def _twice(fake: CountingOpenAI) -> int:
    return sum(count - 1 for count in fake.answered.values())
