"""Serve LLM providers over MCP.

Each `*_mcp_server.py` is a complete server for one provider, with the tool `complete`. So is each row of `presets.py`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_models.servers.core.provider import Provider

SUFFIX = "_mcp_server"


def server_modules() -> dict[str, tuple[str, ...]]:
    """Return the installed servers, presets last. A provider's name is mapped to the words after `python -m`."""
    from mcp_models.servers.presets import PRESETS

    files = {name: (f"{__name__}.{name}{SUFFIX}",) for name in _names_of_files()}
    return {**files, **{name: (__name__, name) for name in PRESETS}}


def load_provider(name: str, env: Mapping[str, str] | None = None) -> Provider:
    """Create the adapter of an installed server, as the server's own `main` does.

    Args:
        name: One of the names in `server_modules`.
        env: The environment with its settings. None means that of this process.
    """
    from mcp_models.servers.presets import PRESETS

    if name in PRESETS:
        return PRESETS[name](env)
    import importlib

    from mcp_models.servers.core.provider import Provider

    module = importlib.import_module(server_modules()[name][0])
    classes = [cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, Provider)]
    return next(cls for cls in classes if cls.__module__ == module.__name__)(env)


def _names_of_files() -> list[str]:
    import os

    # Do not use pkgutil here. It imports inspect, which takes a fifth of the time of a handshake.
    files = sorted(file for folder in __path__ for file in os.listdir(folder) if file.endswith(f"{SUFFIX}.py"))
    return [file.removesuffix(f"{SUFFIX}.py") for file in files]
