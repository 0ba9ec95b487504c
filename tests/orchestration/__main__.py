"""Check what is promised of `Fallback` at full size and print a line for each: `run_with_env.sh -m tests.orchestration`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.orchestration.failure_round import check_failures
from tests.orchestration.hedge_round import check_hedging
from tests.trust.isolation import private_home
from tests.trust.outcome import Outcome, holds

ROUNDS: dict[str, Callable[[], Outcome]] = {
    "failures": lambda: check_failures(10_000),
    "hedge": lambda: check_hedging(2_000, 0.03),
    "hedge-streamed": lambda: check_hedging(300, 0.05, streamed=True),
    "hedge-servers": lambda: check_hedging(300, 0.05, over_mcp=True),
}


def main() -> None:
    """Run every round, or only those whose names are given."""
    chosen = [name for name in ROUNDS if not sys.argv[1:] or name in sys.argv[1:]]
    with private_home():
        failed = [name for name in chosen if not holds(name, ROUNDS[name])]
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
