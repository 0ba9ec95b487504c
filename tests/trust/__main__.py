"""Check every claim with large counts and print a line for each: `bash run_with_env.sh -m tests.trust [WORD …]`.

With words, only the claims whose names they are get checked. The exit code is 1 if a claim fails.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable

from tests.trust.isolation import private_home
from tests.trust.leaks import check_secrets
from tests.trust.outcome import Outcome

CLAIMS: dict[str, Callable[[], Iterable[Outcome]]] = {
    "secrets": lambda: [check_secrets()],
}
"""Every claim by its name."""


def main() -> None:
    """Check the claims and print what was found."""
    names = sys.argv[1:] or list(CLAIMS)
    if unknown := [name for name in names if name not in CLAIMS]:
        sys.exit(f"no claim {unknown[0]!r}; there are {', '.join(CLAIMS)}")
    failed = 0
    with private_home():
        for name in names:
            started = time.monotonic()
            for outcome in CLAIMS[name]():
                print(outcome.line(), flush=True)
                failed += bool(outcome.failures)
            print(f"    {name}: {time.monotonic() - started:.0f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"peak memory of any process: {peak} MB")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
