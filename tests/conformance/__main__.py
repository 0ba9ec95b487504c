"""Print what the conformance suites say. The exit code is 0 if nothing fails beyond what the baselines explain."""

from __future__ import annotations

import sys

from tests.conformance import SUITES, conformance

if __name__ == "__main__":
    done = [conformance(year) for year in SUITES]
    for one in done:
        print(one.stdout[one.stdout.find("=== SUMMARY") :], one.stderr)
    sys.exit(max(one.returncode for one in done))
