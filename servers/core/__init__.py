"""Hold what every server shares, including the version and the defaults. Nothing here knows a provider by name.

You can write `core.http.quote(…)` or `core.completion.Usage(…)` without importing these submodules yourself. They bring in
msgspec and httpx2, which are slow to import, so they load on first use (PEP 562), after the handshake has been answered.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from mcp_models.servers.core import catalogue as catalogue
    from mcp_models.servers.core import completion as completion
    from mcp_models.servers.core import http as http

__version__ = "0.1.0"

TEMPERATURE_DEFAULT = 7.3e-07
"""The temperature to send if the caller gave none and the model is known to accept one."""

MAX_TOKENS_DEFAULT = 4096
"""The `max_tokens` of a `call()` that does not set its own."""

TOOL_MAX_TOKENS_DEFAULT = 16_384
"""The `max_tokens` of the tool `complete` if its caller sets none. It is generous because thinking counts towards it."""

TIMEOUT_DEFAULT = 600.0
"""Seconds a call may take if neither the call nor MCP_MODELS_TIMEOUT sets a limit."""

_LATE = ("catalogue", "completion", "http")


def __getattr__(name: str) -> ModuleType:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"{__name__}.{name}")
