"""Attach a file by path in each host whose model can be faked, and print what the path saves."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.files.in_a_host import LINES, attach_in, saved
from tests.hosts.programs import PROGRAMS


def main() -> int:
    """Visit the hosts and return the exit code."""
    sizes, failed = saved(), 0
    print(f"a review of {LINES:,} lines: {sizes.inline:,} bytes of arguments with the file, {sizes.by_path:,} with its path")
    for program in PROGRAMS:
        if program.reach != "model" or not program.runs_here:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            try:
                attach_in(program, Path(home))
                print(f"{program.title}: its model named the file and got the answer", flush=True)
            except (AssertionError, RuntimeError, OSError) as error:
                failed += 1
                print(f"{program.title}: {error}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
