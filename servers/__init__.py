"""One provider a file: each `*_mcp_server.py` is a whole MCP server with the tool `complete`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_models.servers.core.provider import Provider

SUFFIX = "_mcp_server"


def server_modules() -> dict[str, str]:
    """Return the installed servers: the provider's name, and the module to start with `python -m`."""
    import os

    # Not pkgutil: it imports inspect, which takes a fifth of a handshake.
    files = sorted(file for folder in __path__ for file in os.listdir(folder) if file.endswith(f"{SUFFIX}.py"))
    return {file.removesuffix(f"{SUFFIX}.py"): f"{__name__}.{file.removesuffix('.py')}" for file in files}


def load_provider(name: str, env: Mapping[str, str] | None = None) -> Provider:
    """Return the adapter of an installed server, as its own `main` would make it.

    Args:
        name: One of the names in `server_modules`.
        env: The environment for its settings; None means this process's.
    """
    import importlib

    from mcp_models.servers.core.provider import Provider

    module = importlib.import_module(server_modules()[name])
    classes = [cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, Provider)]
    return next(cls for cls in classes if cls.__module__ == module.__name__)(env)
