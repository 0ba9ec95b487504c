"""Run the tools of the supply chain, each in one function."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.checkout import BIN, ROOT, build_wheel, network_environment
from tests.installed import python

LOCK = Path(__file__).parent / "requirements.lock"
SECONDS = 300

ALLOWED = (
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "HPND",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
    "Zlib",
)
"""The licences that a dependency may have, by their SPDX names. None of them asks anything of a program that uses it."""

_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Older names of licences, which many packages still give."""

_NO_LICENCE = ("DFSG approved",)
"""What packages write among their licences that is none."""

_BY_THEIR_FILES = {"mistralai": "Apache-2.0", "promql-parser": "MIT"}
"""Packages that name no licence in their metadata, each with that of the licence file in their wheel."""

_OF_AN_EXTRA = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
"""Packages of an extra that nobody else needs, each with a licence that asks only for changes to the package itself."""


def refused_licences() -> tuple[dict[str, str], int]:
    """Return the installed packages whose licence is not allowed, each with what it says, and how many were looked at."""
    options = ["--format=json", "--from=mixed", f"--python={sys.executable}"]
    found = json.loads(_run(*_module("piplicenses"), *options))
    packages = {package["Name"]: package["License"] for package in found if package["Name"] != "mcp-models"}
    asked = {name: said for name, said in packages.items() if _OF_AN_EXTRA.get(name) != said}
    refused = {name: said for name, said in asked.items() if not is_allowed(_BY_THEIR_FILES.get(name, said))}
    return refused, len(packages)


def is_allowed(said: str) -> bool:
    """Return whether what a package says of its licence names only allowed ones. Of several to choose from, one is enough."""
    names = [_bare(name) for name in re.split(r" AND |; | and ", said) if name not in _NO_LICENCE]
    return bool(names) and all(any(_SPDX.get(one, one) in ALLOWED for one in (name, *name.split(" OR "))) for name in names)


def _bare(name: str) -> str:
    name = name.strip()
    return name[1:-1] if name.startswith("(") and name.endswith(")") else name


def workflow_findings() -> str:
    """Return what zizmor finds in the workflows. Empty if it finds nothing."""
    done = subprocess.run(
        [str(python(LOCK).parent / "zizmor"), "--offline", "--no-progress", "--quiet", str(ROOT / ".github")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def wheel_hashes(count: int = 2) -> list[str]:
    """Build the wheel several times, in different folders, and return each one's SHA-256."""
    hashes = []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            wheel = build_wheel(Path(folder), SOURCE_DATE_EPOCH="1700000000")
            hashes.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    return hashes


def write_sbom(path: Path) -> int:
    """Write a CycloneDX list of what `mcp-models[all]` is made from, and return how many components it has."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        shutil.copy(ROOT / "pyproject.toml", folder)
        options = ["--quiet", "--universal", "--generate-hashes", "--all-extras", "--python-version", "3.11", "--no-annotate"]
        pinned = ["--no-header", "--constraint", str(ROOT / "requirements.lock"), "--output-file", str(requirements)]
        _run(str(BIN / "uv"), "pip", "compile", *options, *pinned, "pyproject.toml", env=network_environment(), cwd=folder)
        output = ["--output-format", "JSON", "--output-reproducible", "--output-file", str(path)]
        _run(*_module("cyclonedx_py"), "requirements", str(requirements), "--pyproject", "pyproject.toml", *output, cwd=folder)
    return len(json.loads(path.read_text(encoding="utf-8"))["components"])


def vulnerabilities() -> str:
    """Return what pip-audit says of the locked packages. It asks PyPI, so it needs the internet."""
    return _run(*_module("pip_audit"), "--require-hashes", "--disable-pip", "-r", str(ROOT / "requirements.lock"))


def _module(name: str) -> list[str]:
    return [str(python(LOCK)), "-m", name]


def _run(*command: str, env: dict[str, str] | None = None, cwd: str | None = None) -> str:
    done = subprocess.run(
        command, env=env or network_environment(), cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
