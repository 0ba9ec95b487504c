"""Refuse every connection that leaves this machine, and measure coverage if that is wanted.

This is on the path of each Python process that the tests start.
"""

import os
import sys


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
        if host not in ("localhost", "::1") and not host.startswith("127."):
            raise ConnectionRefusedError(f"a test tried to connect to {host}")


sys.addaudithook(_refuse)

# The bridge's servers get variables that begin with PYTHON, and none of coverage's own.
if "PYTHON_COVERAGE" in os.environ:
    import coverage

    os.environ["COVERAGE_PROCESS_CONFIG"] = os.environ["PYTHON_COVERAGE"]
    coverage.process_startup()
