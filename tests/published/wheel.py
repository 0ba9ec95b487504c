"""Build the project's wheel from this checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.checkout import BIN, copy_checkout, network_environment


def build_wheel(folder: Path) -> Path:
    """Build it in a folder, without an isolated environment, and return it."""
    checkout = copy_checkout(folder)
    options = ["--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder)]
    subprocess.run([str(BIN / "uv"), "build", *options, str(checkout)], check=True, env=network_environment())
    return next(folder.glob("*.whl"))
