"""What every server shares; knows no provider by name. Holds the version and the defaults.

An adapter writes `core.http.quote(…)` and `core.completion.Usage(…)`: these submodules bring msgspec and httpx2, so they
are imported when first used (PEP 562), which is after the handshake has been answered.
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
"""Sent where the caller gave no temperature and the model is known to take one."""

MAX_TOKENS_DEFAULT = 4096
"""What a `call()` allows unless it says otherwise."""

TOOL_MAX_TOKENS_DEFAULT = 16_384
"""What the tool `complete` allows unless its caller says otherwise: thinking counts, and a model that is done stops."""

TIMEOUT_DEFAULT = 600.0
"""Seconds a call may take where neither it nor MCP_MODELS_TIMEOUT says."""

_LATE = ("catalogue", "completion", "http")


def __getattr__(name: str) -> ModuleType:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"{__name__}.{name}")
