"""List the peers, which are what you would use instead. Each is pinned and has its own environment."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_SECONDS = 300
_NODE_PACKAGES = json.loads((HERE / "peers" / "package.json").read_text(encoding="utf-8"))["dependencies"]
TYPESCRIPT = f"TypeScript SDK {_NODE_PACKAGES['@modelcontextprotocol/server']}"


@dataclass
class Peer:
    """A program to compare with.

    Attributes:
        name: The name for the tables, with the version.
        command: The command that starts it.
        env: Variables for its environment.
        missing: Why it could not be installed. Empty if it was.
    """

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    missing: str = ""


OURS = Peer("mcp-models", [sys.executable, "-P", "-m", "mcp_models.servers.echo_mcp_server"])
FLOOR = Peer("read-a-line loop (the floor)", [sys.executable, "-P", str(HERE / "servers" / "floor.py")])
SDK_LOW = Peer("MCP SDK, low-level", [sys.executable, str(HERE / "servers" / "sdk_low.py")])
SDK = Peer("MCP SDK, high-level", [sys.executable, str(HERE / "servers" / "sdk_high.py")])


def cache() -> Path:
    """Return the folder that holds the environments."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-models-bench"


def python(name: str) -> str:
    """Return the Python of the environment that `bench/peers/NAME.txt` describes. It is created on first use.

    Raises:
        RuntimeError: The packages cannot be installed.
    """
    requirements = HERE / "peers" / f"{name}.txt"
    folder = cache() / f"{name}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    interpreter = folder / "bin" / "python"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(folder))
        _run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(interpreter), "-r", str(requirements))
        (folder / "whole").touch()
    return str(interpreter)


def typescript() -> str:
    """Return the path of the TypeScript server. Its SDK is installed beside it on first use.

    Raises:
        RuntimeError: The SDK cannot be installed.
    """
    lock = HERE / "peers" / "package-lock.json"
    folder = cache() / f"typescript-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "peers" / name, folder)
        _run("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (folder / "whole").touch()
    return str(shutil.copy(HERE / "servers" / "typescript_echo.mjs", folder / "typescript_echo.mjs"))


def pinned(name: str) -> str:
    """Return a peer's name and version from its requirements, and those of the OpenAI SDK that it uses."""
    lines = (HERE / "peers" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    versions = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    package = name.replace("_", "-") if name.replace("_", "-") in versions else f"{name.replace('_', '-')}-sdk"
    openai = f" (openai {versions['openai']})" if "openai" in versions else ""
    return f"{package} {versions[package]}{openai}"


def servers() -> list[Peer]:
    """Return the echo servers: the floor, this project's own, and those of the peers."""
    found = [FLOOR, OURS, SDK_LOW, SDK]
    try:
        found.append(Peer(pinned("fastmcp"), [python("fastmcp"), str(HERE / "servers" / "fastmcp_echo.py")]))
    except RuntimeError as error:
        found.append(Peer(pinned("fastmcp"), [], missing=str(error)))
    try:
        found.append(Peer(TYPESCRIPT, ["node", typescript()]))
    except RuntimeError as error:
        found.append(Peer(TYPESCRIPT, [], missing=str(error)))
    return found


def _run(*command: str, cwd: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise RuntimeError(f"could not be installed: {said.strip().splitlines()[-1:]}") from error
