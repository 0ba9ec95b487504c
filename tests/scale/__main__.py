"""Check replicas at full size, a line for each: `bash run_with_env.sh -m tests.scale [kill] [restart] [reservations]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.scale.reservations import check_reservations
from tests.scale.rounds import check_kill, check_rolling_restart
from tests.trust.isolation import private_home
from tests.trust.outcome import Outcome, holds

ROUNDS: dict[str, Callable[[Path], Outcome]] = {
    "kill": check_kill,
    "restart": check_rolling_restart,
    "reservations": check_reservations,
}


def main() -> None:
    """Run every round, or only those whose names are given."""
    failed = False
    with private_home() as home:
        for name in [name for name in ROUNDS if not sys.argv[1:] or name in sys.argv[1:]]:
            (home / name).mkdir()
            failed |= not holds(name, partial(ROUNDS[name], home / name))
    sys.exit(failed)


if __name__ == "__main__":
    main()
