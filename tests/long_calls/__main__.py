"""Check at full length that long answers reach hosts that give up early, and print a line for each host.

`bash run_with_env.sh -m tests.long_calls` runs all rounds at once, as they only wait: 6 minutes. With names, it runs these.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.long_calls import rounds
from tests.trust.outcome import Outcome

ROUNDS: dict[str, Callable[[Path], Outcome]] = {
    "codex": lambda home: rounds.codex_waits(home, 330),
    "codex-background": lambda home: rounds.codex_collects_three(home, 20),
    "codex-conversation": rounds.codex_converses,
    "inspector": lambda home: rounds.inspector_waits(home, 90),
    "inspector-tasks": lambda home: rounds.inspector_polls(home, 90),
    "typescript-1": lambda home: rounds.typescript_waits(1, 90),
    "typescript-2": lambda home: rounds.typescript_waits(2, 90),
}


def main() -> None:
    """Run every round, or only those whose names are given."""
    chosen = [name for name in ROUNDS if not sys.argv[1:] or name in sys.argv[1:]]
    failed = False
    with ThreadPoolExecutor(len(ROUNDS)) as threads:
        for future in as_completed([threads.submit(_run, name) for name in chosen]):
            outcome = future.result()
            print(outcome.line(), flush=True)
            failed |= bool(outcome.failures)
    sys.exit(failed)


def _run(name: str) -> Outcome:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        return ROUNDS[name](Path(home))


if __name__ == "__main__":
    main()
