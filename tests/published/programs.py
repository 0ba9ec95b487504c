"""Run the channels' own validators, which are installed from the lock files here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.checkout import network_environment
from tests.hosts.programs import PROGRAMS
from tests.installed import npm_packages, python

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
SECONDS = 120

# What the bundle's own library makes of its manifest, as Claude Desktop does.
_CONFIG = """
const { getMcpConfigForManifest } = await import(process.argv[1]);
const options = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await getMcpConfigForManifest({ ...options, systemDirs: {}, pathSeparator: "/" }) ?? null));
"""


class Refused(Exception):
    """A validator found something. The message is what it said."""


def mcpb(*words: str | Path) -> str:
    """Run Anthropic's program for bundles."""
    return _run(_npm() / ".bin" / "mcpb", *words)


def prettier(*words: str | Path) -> str:
    """Run prettier, which Docker's catalog asks for."""
    return _run(_npm() / ".bin" / "prettier", *words)


def skillsaw(*folders: Path) -> str:
    """Lint what is in folders, with warnings as errors, and return what it says."""
    return _run(python(LOCK), "-m", "skillsaw", "lint", "--strict", "--no-progress", *folders)


def hadolint(file: Path) -> str:
    """Lint a Dockerfile."""
    return _run(python(LOCK).parent / "hadolint", file)


def claude(home: Path, *words: str | Path) -> str:
    """Run Claude Code with a private home."""
    return _run(host("claude-code"), *words, env={**_private(home), "DISABLE_AUTOUPDATER": "1"})


def gemini(home: Path, *words: str | Path) -> str:
    """Run Gemini CLI with a private home."""
    return _run(host("gemini"), *words, env=_private(home))


def host(name: str) -> Path:
    """Return the program of a host."""
    return next(program for program in PROGRAMS if program.host == name).program()


def bundle_config(folder: Path, settings: dict[str, str | bool]) -> dict[str, Any] | None:
    """Return the command and the environment that an unpacked bundle gives for a person's settings.

    Returns:
        What the server is started with, or None if a setting is missing that is required.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    options = {"manifest": manifest, "extensionPath": str(folder), "userConfig": settings}
    library = _npm() / "@anthropic-ai" / "mcpb" / "dist" / "index.js"
    said = _run("node", "--input-type=module", "-e", _CONFIG, library.as_uri(), json.dumps(options))
    found: dict[str, Any] | None = json.loads(said.splitlines()[-1])
    return found


def _npm() -> Path:
    return npm_packages("published", HERE) / "node_modules"


def _private(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


def _run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env=env or network_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    said = f"{done.stdout}{done.stderr}"
    if done.returncode:
        raise Refused(said)
    return said
