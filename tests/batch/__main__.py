"""Check the promises of `mcp-models batch` at full size and print a line for each: `bash run_with_env.sh -m tests.batch`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.batch.counting_openai import CountingOpenAI
from tests.batch.crash_round import check_crashes
from tests.batch.peers import peers
from tests.batch.peers_round import check_peers
from tests.batch.ray_round import check_ray, interpreter
from tests.batch.speed_round import check_speed
from tests.trust.isolation import private_home
from tests.trust.outcome import Outcome, holds


def _openai(folder: Path) -> Outcome:
    with CountingOpenAI(refusals=0.01) as fake:
        return check_crashes(folder, 20_000, 3, fake)


ROUNDS: dict[str, Callable[[Path], Outcome]] = {
    "openai": _openai,
    "echo": lambda folder: check_crashes(folder, 100_000, 3, None),
    "ray": lambda folder: check_ray(folder, 3_000),
    "peers": lambda folder: check_peers(folder, 1_200, 16),
    "speed": lambda folder: check_speed(folder, 2_500, 4),
    "speed-saturated": lambda folder: check_speed(folder, 4_000, 32),
}


def main() -> None:
    """Run every round, or only those whose names are given."""
    failed, names = False, [name for name in ROUNDS if not sys.argv[1:] or name in sys.argv[1:]]
    for name, install in (("ray", interpreter), ("peers", peers)):  # they need the network, which the private home lacks
        if name in names:
            install()
    with private_home() as home:
        for name in names:
            folder = home / name
            folder.mkdir()
            failed |= not holds(name, partial(ROUNDS[name], folder))
    sys.exit(failed)


if __name__ == "__main__":
    main()
