"""Check the claim that nothing that reads lines breaks, with bytes that are chosen by the code they reach."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from tests.checkout import ROOT
from tests.installed import python
from tests.trust.outcome import Outcome

LOCK = Path(__file__).parent / "requirements.lock"
BEFORE = dict(os.environ)
"""The environment before a private home is entered, in which nothing can be installed."""

SEEDS = ROOT / "docs" / "calls.jsonl"


def check_guided(seconds: int) -> Outcome:
    """Run atheris for this long, from the calls in the documents. It is installed in an environment of its own."""
    outcome = Outcome("Bytes chosen by the code they reach break nothing that reads lines")
    with patch.dict(os.environ, BEFORE, clear=True):
        interpreter = python(LOCK)
    packages = next((interpreter.parent.parent / "lib").glob("python*/site-packages"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", ""), str(packages)])}
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, line in enumerate(SEEDS.read_bytes().splitlines()):
            (corpus / str(number)).write_bytes(line + b"\n")
        limits = [f"-max_total_time={seconds}", "-max_len=20000", "-rss_limit_mb=400", "-timeout=10"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.trust.guided_target", *limits, f"-artifact_prefix={folder}/", str(corpus)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + 120,
        )
    found = re.search(r"Done (\d+) runs", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    outcome.figures["inputs"] = int(found[1]) if found else 0
    outcome.figures["branches reached"] = int(coverage[-1]) if coverage else 0
    if done.returncode or not found or not coverage:
        outcome.fail(f"exit code {done.returncode}: {done.stderr[-1500:]}")
    return outcome
