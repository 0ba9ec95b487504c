"""Soak the bridge: make many calls from many threads, while their server is killed again and again.

`bash run_with_env.sh -m tests.soak` makes 20,000 calls from 8 threads. You can give other numbers, and the seconds between
kills. Each call must return its own answer or raise the documented exception, and nothing may be left at the end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from mcp_models.client import EchoMCPModel, ServerExitedError
from tests.client.left_over import counts

DEFAULTS = (20_000.0, 8.0, 3.0)
MODEL = "echo-slow-0.02"
"""A model that takes 20 ms, so that calls are in flight when the server is killed."""


def soak(calls: int, threads: int, every: float) -> tuple[Counter[str], int]:
    """Make the calls, and count their outcomes.

    Args:
        calls: How many calls to make.
        threads: How many threads to make them from.
        every: The average time between two kills of the server, in seconds.

    Returns:
        How often each outcome occurred, and how often the server was killed.
    """
    done = threading.Event()
    kills = 0
    with EchoMCPModel(MODEL) as model:

        def kill() -> None:
            nonlocal kills
            while not done.wait(random.uniform(0.5 * every, 1.5 * every)):
                with suppress(ProcessLookupError):  # it has just ended
                    if (pid := model.server.pid) is not None:  # otherwise it is just being started
                        os.kill(pid, signal.SIGKILL)
                        kills += 1

        def ask(number: int) -> str:
            try:
                return "its own answer" if model.call(f"p{number}")["output"] == f"p{number}" else "another answer"
            except ServerExitedError:
                return "ServerExitedError"
            except BaseException as error:
                return f"undocumented: {error!r}"

        killer = threading.Thread(target=kill)
        killer.start()
        with ThreadPoolExecutor(threads) as pool:
            outcomes = Counter(pool.map(ask, range(calls)))
        done.set()
        killer.join()
    return outcomes, kills


def main() -> None:
    """Print the outcomes, and what was left."""
    calls, threads, every = [*map(float, sys.argv[1:4]), *DEFAULTS[len(sys.argv) - 1 :]]
    before, started = counts(), time.monotonic()
    outcomes, kills = soak(int(calls), int(threads), every)
    seconds = time.monotonic() - started
    deadline = time.monotonic() + 5
    while counts() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    print(f"{calls:.0f} calls over {threads:.0f} threads in {seconds:.1f} s, the server killed {kills} times")
    for outcome, number in outcomes.most_common():
        print(f"  {outcome}: {number}")
    print(f"before: {before}\nafter:  {counts()}")
    if counts() != before or set(outcomes) - {"its own answer", "ServerExitedError"}:
        sys.exit("something was left, or a call had another outcome")


if __name__ == "__main__":
    main()
