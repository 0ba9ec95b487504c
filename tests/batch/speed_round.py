"""Compare a batch with a bare asyncio loop over the SDK, with as many calls in flight."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.program import lines, peak_memory, start, write_rows
from tests.trust.outcome import Outcome

SECONDS = 240.0
SHARE = 0.9

BARE_LOOP = """
import asyncio, json, sys, time
from openai import AsyncOpenAI

async def main(source, output, concurrency):
    client = AsyncOpenAI()
    rows = iter(open(source))
    with open(output, "w") as file:
        async def work():
            for line in rows:
                row = json.loads(line)
                stream = await client.chat.completions.create(
                    model="gpt-x", messages=[{"role": "user", "content": row["prompt"]}], max_completion_tokens=4096,
                    stream=True, stream_options={"include_usage": True})
                text = ""
                async for chunk in stream:
                    for choice in chunk.choices:
                        text += choice.delta.content or ""
                file.write(json.dumps({"id": row["id"], "output": text}) + "\\n")
        await asyncio.gather(*(work() for _ in range(concurrency)))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def check_speed(folder: Path, rows: int, concurrency: int, rounds: int = 2) -> Outcome:
    """Check that a batch is nearly as fast as a bare loop, which keeps no journal and does not retry.

    Both are measured as whole programs, from their start to their end, in turns. The best of each counts.

    Args:
        folder: An empty folder.
        rows: How many rows there are.
        concurrency: How many calls are in flight.
        rounds: How often each is measured.
    """
    outcome = Outcome(f"a batch of {rows:,} rows reaches {SHARE:.0%} of a bare loop over the SDK, {concurrency} in flight")
    source = folder / "in.jsonl"
    write_rows(source, rows)
    best = {"bare loop": float("inf"), "batch": float("inf")}
    peak = 0
    with CountingOpenAI() as fake:
        env = {**os.environ, **fake.environment(), "MCP_MODELS_LEDGER": "off"}
        for number in range(rounds):
            output = folder / f"bare{number}.jsonl"
            started = time.monotonic()
            bare = [sys.executable, "-c", BARE_LOOP, str(source), str(output), str(concurrency)]
            subprocess.run(bare, env=env, check=True, timeout=SECONDS)
            best["bare loop"] = min(best["bare loop"], time.monotonic() - started)
            output = folder / f"batch{number}.jsonl"
            words = ["openai/gpt-x", str(source), "-o", str(output), "--concurrency", str(concurrency)]
            started = time.monotonic()
            memory, said = peak_memory(start(words, env), SECONDS)
            best["batch"] = min(best["batch"], time.monotonic() - started)
            peak = max(peak, memory)
            if len(lines(output)) != rows:
                outcome.fail(f"{len(lines(output)):,} of {rows:,} rows have a line: {said[-300:]}")
    share = best["bare loop"] / best["batch"]
    outcome.figures |= {f"{name}, rows/s": round(rows / seconds) for name, seconds in best.items()}
    outcome.figures |= {"share": f"{share:.0%}", "memory of the program in MB": peak}
    if share < SHARE:
        outcome.fail(f"{share:.0%} of the bare loop's speed")
    if peak >= 150:
        outcome.fail(f"{peak} MB")
    return outcome
