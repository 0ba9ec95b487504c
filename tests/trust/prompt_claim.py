"""Check the claim that prompts, a model's words and a folder's files are only text."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.checkout import ROOT
from tests.fakes import FAKES
from tests.trust.incidents import INCIDENTS
from tests.trust.outcome import Outcome

TESTS = Path(__file__).with_name("test_prompts.py")


def check_prompts() -> Outcome:
    """Run the tests of prompts with every provider."""
    outcome = Outcome("A prompt, a model's words and a folder's files are only text")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "", "-p", "no:cacheprovider", str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    said = done.stdout.strip().splitlines()
    passed = re.search(r"(\d+) passed", said[-1] if said else "")
    outcome.figures |= {"tests": int(passed[1]) if passed else 0, "incidents": len(INCIDENTS), "providers": len(FAKES)}
    if done.returncode != 0:
        outcome.fail("\n".join(said[-5:]) or done.stderr[-500:])
    return outcome
