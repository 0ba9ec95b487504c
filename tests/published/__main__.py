"""Write every form in which the servers are published: `python -m tests.published FOLDER [--wheel FILE] [--commit SHA]`."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests.checkout import ROOT, build_wheel
from tests.published.forms import write


def main() -> None:
    """Write them, and say how many files there are."""
    parser = argparse.ArgumentParser(prog="python -m tests.published", description="Write every published form into a folder.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "published")
    parser.add_argument("--wheel", type=Path, help="the wheel that the image installs; without it, one is built")
    parser.add_argument("--commit", help="the commit that the catalog's entries name; without it, the present one")
    arguments = parser.parse_args()
    commit = arguments.commit or _present_commit()
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel or build_wheel(Path(scratch))
        count = write(arguments.folder, commit, wheel)
    print(f"{count} files in {arguments.folder}")


def _present_commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
