"""Find the `codex` program, check its version, and ask it about its models and the login.

The facts here were measured with codex 0.169.0.
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
"""The oldest version that was tested."""

RUN_SECONDS = 15.0
SHIM_BYTES = 4096
"""How many bytes of a program to read to see whether it is a shim."""

NEUTRAL = "Answer the user."
"""The instructions to use if the call has none. codex's own ones describe an agent that edits code."""

# Settings that make each of codex's models only write text, instead of acting as an agent. Without them, models of the gpt-6
# generation get a JavaScript tool, even if all features are off.
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
    """Kill a process and everything that it has started in its group."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


def find(env: Environment) -> str:
    """Return the path of the program. If PATH leads to npm's launcher or a version manager's shim, return the native program.

    Raises:
        ConfigurationError: codex is not installed, or OPENAI_CODEX_BIN does not name a program.
    """
    chosen = env.get(BIN_VARIABLE, "").strip()
    path = shutil.which(os.path.expanduser(chosen) or "codex", path=env.get("PATH"))
    if path is None and chosen:
        raise errors.ConfigurationError(f"{BIN_VARIABLE} names {chosen}, which is no program: correct it, or run {INSTALL}.")
    if path is None:
        raise errors.ConfigurationError(
            f"the program `codex`, which the ChatGPT login needs, is not on PATH: run {INSTALL}, or set {BIN_VARIABLE}."
        )
    path = os.path.abspath(path)  # do not resolve links, as a shim may look at the name it is called by
    return native(managed(path, env) or path)


def native(path: str) -> str:
    """Return the native program if the path is npm's launcher, which would cost a 43 MB process and 0.1 s per run."""
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
    """Return the program that a shim of mise, volta or asdf starts. The shim itself would not find it in codex's home."""
    manager = _manager(Path(os.path.realpath(shim)), env)
    if manager is None:
        return None
    # Run this in the shim's folder, as the folder that the server was started in may select another version.
    found = run(manager, "which", Path(shim).name, env=env, cwd=os.path.dirname(shim)).stdout.strip()
    return found if os.path.isabs(found) and os.access(found, os.X_OK) else None


def _manager(shim: Path, env: Environment) -> str | None:
    """Return the program of the version manager that a shim belongs to, if we know it."""
    if shim.name == "mise":
        return str(shim)
    if shim.name == "volta-shim":
        return str(shim.with_name("volta"))
    try:
        with shim.open("rb") as file:
            calls_asdf = re.search(rb'^exec "?(\S*\basdf)"? exec ', file.read(SHIM_BYTES), re.MULTILINE)
    except OSError:  # you may be allowed to run a file but not to read it
        return None
    return shutil.which(os.fsdecode(calls_asdf[1]), path=env.get("PATH")) if calls_asdf else None


def run(path: str, *arguments: str, env: Environment, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program and wait for it to end.

    Args:
        path: The program's path, as `find` returned it.
        arguments: The program's arguments.
        env: The child's whole environment.
        cwd: The folder to run it in. None means that of this process.

    Raises:
        ConfigurationError: The program cannot be run, or does not end.
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
    """Check that the program is codex, and that it is new enough.

    Raises:
        ConfigurationError: It is not codex, or it is too old.
    """
    said = run(path, "--version", env=env).stdout.strip()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    wanted = ".".join(map(str, OLDEST))
    if not found:
        raise errors.ConfigurationError(f"{path} is no codex, as it does not tell its version: run {INSTALL}.")
    if tuple(map(int, found.groups())) < OLDEST:
        raise errors.ConfigurationError(f"codex {found[0]} is too old, {wanted} or newer is needed: run {INSTALL}@latest.")


def catalogue(path: str, env: Environment) -> list[dict[str, Any]]:
    """Return the models that this version of codex knows, each changed to only write text.

    Raises:
        ConfigurationError: The program does not list its models.
    """
    listed = run(path, "debug", "models", "--bundled", env=env)
    try:
        models = json.loads(listed.stdout)["models"]
        return [{**model, **PURE} for model in models]
    except (ValueError, LookupError, TypeError) as error:
        raise errors.ConfigurationError(f"{path} does not list its models: run {INSTALL}@latest.") from error


def login_status(path: str, env: Environment) -> str:
    """Return what `codex login status` says. Only its text is reliable, as the exit code is 0 even for an empty login."""
    status = run(path, "login", "status", env=env)
    lines = [line for line in (status.stdout + status.stderr).splitlines() if line.strip() and not line.startswith("WARNING")]
    return lines[0] if lines else f"exit code {status.returncode}"
