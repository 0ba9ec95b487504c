"""Run the official conformance suite against a server over HTTP: `bash run_with_env.sh -m tests.conformance`.

The release of the suite tests the older eras, and its pre-release 2026-07-28. Most scenarios want tools, prompts and resources
of the suite's own example server. The two baselines name each of them with the reason; whatever else fails is a failure.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.installed import npm_packages
from tests.servers.streamable_http.serving import quiet_echo, serving

HERE = Path(__file__).parent
SUITES = {"2025": ("--suite", "all"), "2026": ("--requirements", "2026-07-28")}
"""The suites, by the year of the protocol, each with the words that choose its scenarios."""

SECONDS = 120


def conformance(year: str) -> subprocess.CompletedProcess[str]:
    """Run a suite against the echo server. Its exit code is 0 if what fails is what the baseline names, no more and no less."""
    modules = npm_packages("conformance", HERE) / "node_modules"
    with serving([quiet_echo()]) as served, tempfile.TemporaryDirectory() as folder:
        url = f"{served.url.replace('127.0.0.1', 'localhost')}/echo/mcp"  # its check of DNS rebinding wants this name
        program = [str(modules / ".bin" / "node"), str(modules / f"conformance-{year}" / "dist" / "index.js"), "server"]
        words = ["--url", url, *SUITES[year], "--expected-failures", str(HERE / f"baseline-{year}.yaml")]
        return subprocess.run([*program, *words], capture_output=True, text=True, cwd=folder, timeout=SECONDS)
