"""Find the `codex` program, check its version, and ask it about its models and the login.

Facts are those of codex 0.169.0, measured.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import errors

if TYPE_CHECKING:
    from mcp_models.servers.core.settings import Environment

BIN_VARIABLE = "OPENAI_CODEX_BIN"
INSTALL = "`npm install -g @openai/codex`"
OLDEST = (0, 169, 0)
"""The oldest version that the tests were run with."""

RUN_SECONDS = 15.0
SHIM_BYTES = 4096
"""How much of a program is read to see whether it is a shim."""

NEUTRAL = "Answer the user."
"""The instructions of a call that brings none; codex's own are of an agent that edits code."""

# What turns each of codex's models from an agent into one that only writes. Without these a model of the generation gpt-6 is
# given a JavaScript tool whatever features are off.
PURE: dict[str, Any] = {
    "tool_mode": "direct",
    "shell_type": "disabled",
    "apply_patch_tool_type": None,
    "multi_agent_version": None,
    "multi_agent_reasoning_effort": None,
    "supports_search_tool": False,
    "experimental_supported_tools": [],
    "use_responses_lite": False,
    "model_messages": None,
    "base_instructions": NEUTRAL,
}


def kill_group(pid: int) -> None:
    """Kill a process and all that it has started in its group."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def find(env: Environment) -> str:
    """Return the path of the program: of the native one where npm's launcher or a version manager's shim lies before it.

    Raises:
        ConfigurationError: It is not installed, or OPENAI_CODEX_BIN names nothing that can be run.
    """
    chosen = env.get(BIN_VARIABLE, "").strip()
    path = shutil.which(os.path.expanduser(chosen) or "codex", path=env.get("PATH"))
    if path is None and chosen:
        raise errors.ConfigurationError(f"{BIN_VARIABLE} names {chosen}, which is no program: correct it, or run {INSTALL}.")
    if path is None:
        raise errors.ConfigurationError(
            f"the program `codex`, which the ChatGPT login needs, is not on PATH: run {INSTALL}, or set {BIN_VARIABLE}."
        )
    path = os.path.abspath(path)  # no link is resolved: a shim may go by the name it is called by
    return native(managed(path, env) or path)


def native(path: str) -> str:
    """Return the native program beside npm's launcher, which costs a process of 43 MB and 0.1 s a run; else the path itself."""
    launcher = Path(os.path.realpath(path))
    package = launcher.parent.parent
    if launcher.name != "codex.js":
        return path
    for modules in (package / "node_modules", package.parent.parent):
        for found in sorted(modules.glob("@openai/codex-*/vendor/*/bin/codex*")):
            if found.name in ("codex", "codex.exe") and os.access(found, os.X_OK):
                return str(found)
    return path


def managed(shim: str, env: Environment) -> str | None:
    """Return the program that a shim of mise, volta or asdf starts. They find it by the user's home, and codex has another."""
    manager = _manager(Path(os.path.realpath(shim)), env)
    if manager is None:
        return None
    # Asked beside the shim, as the folder that a server is started in may choose other versions.
    found = run(manager, "which", Path(shim).name, env=env, cwd=os.path.dirname(shim)).stdout.strip()
    return found if os.path.isabs(found) and os.access(found, os.X_OK) else None


def _manager(shim: Path, env: Environment) -> str | None:
    """Return the program of the version manager that a shim belongs to, if it is one of those known."""
    if shim.name == "mise":
        return str(shim)
    if shim.name == "volta-shim":
        return str(shim.with_name("volta"))
    try:
        with shim.open("rb") as file:
            calls_asdf = re.search(rb'^exec "?(\S*\basdf)"? exec ', file.read(SHIM_BYTES), re.MULTILINE)
    except OSError:  # one may be allowed to run what one may not read
        return None
    return shutil.which(os.fsdecode(calls_asdf[1]), path=env.get("PATH")) if calls_asdf else None


def run(path: str, *arguments: str, env: Environment, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program to its end.

    Args:
        path: As `find` returned it.
        arguments: What to ask of it.
        env: The child's whole environment.
        cwd: Its folder; None for that of this process.

    Raises:
        ConfigurationError: It cannot be run, or does not end.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            [path, *arguments], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        raise errors.ConfigurationError(f"{path} cannot be run ({error.strerror}): run {INSTALL}.") from error
    with process:
        try:
            stdout, stderr = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            said = f"`{path} {' '.join(arguments)}` did not end within {RUN_SECONDS:g} s: check the program."
            raise errors.ConfigurationError(said) from None
    texts = (stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))
    return subprocess.CompletedProcess(process.args, process.returncode, *texts)


def check_version(path: str, env: Environment) -> None:
    """Check that the program is codex, and new enough.

    Raises:
        ConfigurationError: It is not.
    """
    said = run(path, "--version", env=env).stdout.strip()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    wanted = ".".join(map(str, OLDEST))
    if not found:
        raise errors.ConfigurationError(f"{path} is no codex, as it does not tell its version: run {INSTALL}.")
    if tuple(map(int, found.groups())) < OLDEST:
        raise errors.ConfigurationError(f"codex {found[0]} is too old, {wanted} or newer is needed: run {INSTALL}@latest.")


def catalogue(path: str, env: Environment) -> list[dict[str, Any]]:
    """Return the models that this version of codex knows, each made to only write.

    Raises:
        ConfigurationError: The program does not tell.
    """
    listed = run(path, "debug", "models", "--bundled", env=env)
    try:
        models = json.loads(listed.stdout)["models"]
        return [{**model, **PURE} for model in models]
    except (ValueError, LookupError, TypeError) as error:
        raise errors.ConfigurationError(f"{path} does not list its models: run {INSTALL}@latest.") from error


def login_status(path: str, env: Environment) -> str:
    """Return what `codex login status` says; its text alone tells, as its exit code is 0 for an empty login too."""
    status = run(path, "login", "status", env=env)
    lines = [line for line in (status.stdout + status.stderr).splitlines() if line.strip() and not line.startswith("WARNING")]
    return lines[0] if lines else f"exit code {status.returncode}"
