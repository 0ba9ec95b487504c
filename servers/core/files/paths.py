"""Read the folders that a person allowed, and the paths that a caller names, without looking at any file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.files.denied import why_denied
from mcp_models.servers.core.files.refused import RefusedError
from mcp_models.servers.core.settings import FILES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_models.servers.core.settings import Environment

LONGEST_PATH = 1024
"""The most bytes of a path."""

DEEPEST = 64
"""The most parts of a path."""

_NOT_FILES = ("/proc", "/sys", "/dev")
WILD = "*?["
"""What makes a path a pattern."""


def allowed_folders(env: Environment) -> list[str]:
    """Return the folders in MCP_MODELS_FILES.

    Raises:
        ConfigurationError: One is not a folder that can be allowed. The message names it.
    """
    folders = [os.path.normpath(text) for text in env.get(FILES_VARIABLE, "").split(os.pathsep) if text.strip()]
    for folder in folders:
        real = os.path.realpath(folder)
        if not os.path.isabs(folder):
            raise ConfigurationError(f"{FILES_VARIABLE}: expected the whole path of a folder, got {folder!r}.")
        if not os.path.isdir(folder):
            raise ConfigurationError(f"{FILES_VARIABLE}: {folder} is not a folder: correct it or unset it.")
        if os.path.dirname(real) == real or any(f"{real}/".startswith(f"{top}/") for top in _NOT_FILES):
            raise ConfigurationError(f"{FILES_VARIABLE}: {folder} is not a project's folder: name one below it.")
        if what := why_denied(real.replace(os.sep, "/").split("/")[-2:]):  # also `.config/gh`, `.ssh/keys`
            raise ConfigurationError(f"{FILES_VARIABLE}: {folder} is never allowed, as it is {what}.")
    return folders


def parts_of(path: str, folders: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """Split a path or a pattern into its parts, and return them with the folders that it may lie in.

    Args:
        path: The path, within one of the folders. A whole path must begin with one of them.
        folders: The allowed folders.

    Raises:
        RefusedError: It can be no path below one of the folders.
    """
    if not path.isprintable():
        raise RefusedError("it has a character that no path should have")
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_PATH:
        raise RefusedError("its name is too long")
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    if path.startswith("/") or os.path.isabs(path):
        path, folders = _within(path, folders)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts:
        raise RefusedError("it names no file")
    if ".." in parts:
        raise RefusedError("`..` leads out of the allowed folder")
    if len(parts) > DEEPEST:
        raise RefusedError("it is too deep")
    if os.name == "nt" and any(":" in part or "~" in part or part != part.rstrip(". ") for part in parts):
        raise RefusedError("Windows has another meaning for `:`, `~` and a dot at the end")
    return parts, folders


def _within(path: str, folders: Sequence[str]) -> tuple[str, Sequence[str]]:
    for folder in folders:
        start = folder.replace(os.sep, "/").rstrip("/") + "/"
        if path.startswith(start):
            return path[len(start) :], [folder]
    raise RefusedError(f"it does not lie below a folder that {FILES_VARIABLE} allows: {', '.join(folders)}")


def is_pattern(parts: Sequence[str]) -> bool:
    """Return whether one of a path's parts has a wildcard."""
    return any(character in part for part in parts for character in WILD)
