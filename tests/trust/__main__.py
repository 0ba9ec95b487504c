"""Check every claim with large counts and print a line for each: `bash run_with_env.sh -m tests.trust [NAME …]`.

With names, only these claims are checked. The exit code is 1 if a claim fails. Each claim is checked in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.fakes import FAKES
from tests.trust.fault_calls import check_faults, check_unreachable
from tests.trust.fuzz_bridge import check_bridge
from tests.trust.fuzz_guided import check_guided
from tests.trust.fuzz_servers import check_server
from tests.trust.isolation import private_home
from tests.trust.leaks import check_secrets
from tests.trust.outcome import Outcome, holds
from tests.trust.prompt_claim import check_prompts

LINES = 100_000
CALLS = 5_000
GUIDED_SECONDS = 120
_SERVERS = ("echo", "anthropic", "anthropic_ollama", "devstral_local", "google_ai_studio", "mistral", "ollama", "openai")

CLAIMS: dict[str, Callable[[], Outcome]] = {
    "secrets": check_secrets,
    "prompts": check_prompts,
    **{f"fuzz-{name}": lambda name=name: check_server(name, LINES) for name in _SERVERS},  # type: ignore[misc]
    "fuzz-guided": lambda: check_guided(GUIDED_SECONDS),
    "fuzz-bridge": lambda: check_bridge(LINES),
    **{f"faults-{fake.__name__}": lambda fake=fake: check_faults(fake, CALLS) for fake in FAKES},  # type: ignore[misc]
    **{f"unreachable-{fake.__name__}": lambda fake=fake: check_unreachable(fake) for fake in FAKES},  # type: ignore[misc]
}
"""Every claim by its name."""

_HERE = "--here"


def main() -> None:
    """Check the claims and print what was found."""
    words = sys.argv[1:]
    if words[:1] == [_HERE]:
        sys.exit(_checked(words[1]))
    if unknown := [name for name in words if name not in CLAIMS]:
        sys.exit(f"no claim {unknown[0]!r}; there are {', '.join(CLAIMS)}")
    codes = [subprocess.run([sys.executable, "-m", "tests.trust", _HERE, name]).returncode for name in words or CLAIMS]
    sys.exit(1 if any(codes) else 0)


def _checked(name: str) -> int:
    """Check one claim in this process, print its line, and return the exit code."""
    with private_home():
        return 0 if holds(name, CLAIMS[name]) else 1


if __name__ == "__main__":
    main()
