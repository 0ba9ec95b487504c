"""Draw which parts of the code import which, as a Mermaid flowchart."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.checkout import ROOT

ROOMS = {
    "client/batch": "a file of prompts",
    "client/batch/cluster": "the same on Ray",
    "client/commands": "the command line",
    "client/doctor": "checks of a set-up",
    "client/hosts": "the settings of MCP hosts",
    "client/models": "a class for each provider",
    "client/tapes": "recordings of servers and models",
    "client/usage": "reports on the ledger",
    "client": "the bridge",
    "servers": "a provider a file",
    "servers/codex": "the ChatGPT login",
    "servers/core": "what all servers share",
    "servers/core/files": "files that a person allowed",
    "servers/core/ledger": "a row for each call, and the budget",
    "servers/core/tasks": "long calls, and conversations",
    "servers/core/telemetry": "what may be told of a call, and traces",
    "servers/core/transport": "lines and JSON",
    "servers/streamable_http": "the same over HTTP",
}


def files() -> list[Path]:
    """Return every module of the project, relative to the checkout."""
    return sorted(path.relative_to(ROOT) for top in ("servers", "client") for path in (ROOT / top).rglob("*.py"))


def edges() -> dict[tuple[str, str], bool]:
    """Return which part imports which, and whether this happens as soon as a file of the first part is imported."""
    modules = {_dotted(path): path for path in files()}
    found: dict[tuple[str, str], bool] = {}
    for path in files():
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        early = {name for node in tree.body for name in _imported(node, set(modules))}
        for name in {name for node in ast.walk(tree) for name in _imported(node, set(modules))}:
            pair = _room(path), _room(modules[name])
            if pair[0] != pair[1]:
                found[pair] = found.get(pair, False) or name in early
    return found


def picture() -> str:
    """Return the flowchart: one box per part, and an arrow from each part to those that it imports."""
    boxes = [f'    {_id(room)}["<b>{room}/</b><br>{what}"]' for room, what in ROOMS.items()]
    arrows = [
        f"    {_id(source)} {'-->' if early else '-.->'} {_id(target)}" for (source, target), early in sorted(edges().items())
    ]
    return "\n".join(["```mermaid", "flowchart TD", *boxes, *arrows, "```", ""])


def _imported(node: ast.AST, modules: set[str]) -> set[str]:
    """Return the project's modules that a statement imports. `from package import module` counts as the module."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        whole = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if name in modules else str(node.module) for name in whole]
    return {name for name in names if name in modules}


def _dotted(path: Path) -> str:
    return ".".join(["mcp_models", *path.with_suffix("").parts]).removesuffix(".__init__")


def _room(path: Path) -> str:
    return path.parent.as_posix()


def _id(room: str) -> str:
    return room.replace("/", "_")
