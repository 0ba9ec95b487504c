"""Serve a provider by its name: `python -m mcp_models.servers groq`.

Each preset has a program of its own, whose entry point is a function of this module: `__main__:groq` for `groq-mcp-server`.
"""

from __future__ import annotations

import functools
import sys

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core.stdio import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Serve the provider that the first argument names; exit with 2 if there is none of that name."""
    names = server_modules()
    name = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    if name not in names:
        print(f"usage: python -m mcp_models.servers PROVIDER  (one of {', '.join(names)})", file=sys.stderr)
        raise SystemExit(0 if name in ("_h", "__help") else 2)
    del sys.argv[1]
    serve(load_provider(name))


def __getattr__(name: str) -> Callable[[], None]:
    if name not in server_modules():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return functools.partial(_serve, name)


def _serve(name: str) -> None:
    serve(load_provider(name))


if __name__ == "__main__":
    main()
