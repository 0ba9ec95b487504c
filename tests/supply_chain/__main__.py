"""Check the supply chain: `python -m tests.supply_chain`, with `audit` for vulnerabilities, or `sbom FILE` for the list.

Without an argument it needs no more than a package registry. `audit` asks PyPI for known vulnerabilities.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.supply_chain import checks


def main(arguments: list[str]) -> int:
    """Run what the arguments say, and return the exit code."""
    if arguments[:1] == ["sbom"] and len(arguments) == 2:
        print(f"{checks.write_sbom(Path(arguments[1]).resolve())} components in {arguments[1]}")
        return 0
    if arguments == ["audit"]:
        print(checks.vulnerabilities())
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    refused, packages = checks.refused_licences()
    print(f"licences: {packages} packages, {len(refused)} with one that is not allowed {refused or ''}")
    findings = checks.workflow_findings()
    print(f"workflows: {findings or 'clean'}")
    first, second = checks.wheel_hashes()
    print(f"wheel: built twice, {'the same' if first == second else 'NOT the same'} ({first[:12]}…, {second[:12]}…)")
    return int(bool(refused or findings or first != second))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
