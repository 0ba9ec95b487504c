"""Kill a batch at random moments and resume it: each row has exactly one result, and nothing else is paid twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.program import kill, lines, peak_memory, start, write_rows
from tests.trust.outcome import Outcome

CONCURRENCY = 32
SECONDS = 240.0


def check_crashes(folder: Path, rows: int, kills: int, fake: CountingOpenAI | None) -> Outcome:
    """Check that a batch which is killed again and again loses nothing and pays for nothing twice.

    Args:
        folder: An empty folder.
        rows: How many rows there are.
        kills: How often the program is killed with SIGKILL.
        fake: Who answers. None means the echo server, which cannot count.
    """
    asked = "the echo server" if fake is None else "a fake OpenAI"
    outcome = Outcome(f"{rows:,} rows for {asked}, killed {kills} times: each has one result, and nothing else is paid twice")
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    write_rows(source, rows)
    words = ["echo" if fake is None else "openai/gpt-x", str(source), "-o", str(output), "--concurrency", str(CONCURRENCY)]
    env = {**os.environ, **(fake.environment() if fake else {}), "MCP_MODELS_LEDGER": "off"}
    lost: set[str] = set()
    for at in sorted(random.sample(range(rows // 20, rows - rows // 20), kills)):
        process = start(words, env)
        if not _reached(output, at):
            outcome.fail(f"it did not get to row {at:,}")
        kill(process)
        outcome.count("torn lines", int(output.stat().st_size > 0 and not output.read_bytes().endswith(b"\n")))
        if fake is not None:
            time.sleep(0.3)  # the server ends with its pipes: what it has sent by then has been paid for
            have = {line["id"] for line in lines(output)}
            lost |= {prompt for prompt in list(fake.answered) if _id(prompt) not in have}
    peak, said = peak_memory(start(words, env), SECONDS)
    outcome.figures |= {"memory of the program in MB": peak, "lost in flight": len(lost)}
    _check_output(outcome, output, rows, said)
    if fake is not None:
        _check_fake(outcome, fake, rows, lost, kills)
    return outcome


def _reached(output: Path, row: int) -> bool:
    """Wait until the output has this many rows, by its size: all lines are about as long."""
    deadline, length = time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        if output.exists() and output.stat().st_size:
            with output.open("rb") as file:
                length = length or len(file.readline())
            if length and output.stat().st_size / length >= row:
                return True
        time.sleep(0.005)
    return False


def _check_output(outcome: Outcome, output: Path, rows: int, said: str) -> None:
    results = Counter(line["id"] for line in lines(output) if line["output"] is not None)
    outcome.figures["results"] = results.total()
    for number in range(rows):
        if results[f"r{number}"] != 1:
            outcome.fail(f"row {number} has {results[f'r{number}']} results")
    if results.total() != rows or f"{rows:,} succeeded, 0 failed" not in said:
        outcome.fail(f"there are {results.total():,} results; it said: {said[-300:]}")


def _check_fake(outcome: Outcome, fake: CountingOpenAI, rows: int, lost: set[str], kills: int) -> None:
    twice = {prompt: count for prompt, count in fake.answered.items() if count > 1}
    outcome.figures |= {"answers paid for": fake.answered.total(), "paid twice": len(twice), "refusals": fake.refused}
    outcome.figures |= {"most in flight": fake.most}
    for prompt, count in twice.items():
        if prompt not in lost or count > 1 + kills:
            outcome.fail(f"{prompt!r} was paid {count} times, and was not in flight at a kill")
    if len(lost) > kills * CONCURRENCY:
        outcome.fail(f"{len(lost)} answers were lost, with {kills} kills and {CONCURRENCY} in flight")
    if len(fake.answered) != rows:
        outcome.fail(f"{len(fake.answered):,} of {rows:,} prompts were answered")
    for what in fake.wrong:
        outcome.fail(f"the fake refused a request: {what}")


def _id(prompt: str) -> str:
    return "r" + prompt.removeprefix("Say number ").removesuffix(".")
