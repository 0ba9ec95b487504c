"""Choose which environment variables a server process gets: what it needs, but no other provider's keys."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Providers whose variables do not simply begin with their name.
_PREFIXES = {
    # Not all that begins with its name: ANTHROPIC_AUTH_TOKEN is Ollama's.
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_LOG"),
    "anthropic_ollama": ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"),
    "devstral_local": ("DEVSTRAL_",),
    "google_ai_studio": ("GOOGLE_", "GEMINI_"),
    "openai": ("OPENAI_", "CODEX_"),
}

# What any program may need: folders, the language, the network, and what Python, Node and Windows need to start.
_COMMON = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR TEMP TMP NO_COLOR
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS SSLKEYLOGFILE
    VIRTUAL_ENV LD_LIBRARY_PATH DYLD_LIBRARY_PATH NODE_PATH MODEL_DEFAULT
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERNAME USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA
    PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE
"""
_OURS_ALONE = "MCP_MODELS_TOKEN"
"""The bearer token for servers at a URL. A server that runs here has no use for it."""

_COMMON_PREFIXES = ("LC_", "XDG_", "PYTHON", "MCP_MODELS_", "OTEL_")


class Environment(dict[str, str]):
    """Environment variables. The `repr` does not show their values."""

    def __repr__(self) -> str:
        return f"Environment({', '.join(self)})"


def check_variable(name: str, value: str) -> None:
    """Check that an environment variable can hold a value. The error does not quote it, as it may be a key.

    Raises:
        TypeError: It is no string.
        ValueError: It has a character that no environment variable can hold.
    """
    if not isinstance(value, str):
        raise TypeError(f"env: expected a string for {name}, got {type(value).__name__}")
    if "\0" in value or not _is_encodable(value):
        raise ValueError(f"env: {name} holds a NUL or half of a surrogate pair, which no environment variable can: set it anew")


def _is_encodable(value: str) -> bool:
    try:
        os.fsencode(value)
    except UnicodeEncodeError:  # it has the value in it, so it must not become the context of another error
        return False
    return True


def server_environment(provider: str, env: Mapping[str, str] | None = None) -> Environment:
    """Return the environment for a provider's server.

    Args:
        provider: The provider's name. Its own variables are passed on: for `mistral`, those that begin with `MISTRAL_`.
        env: Variables to add or to override.
    """
    name = provider.replace("-", "_")
    prefixes = _COMMON_PREFIXES + _own_prefixes(name)
    common = _COMMON.split()
    passed = {key: value for key, value in os.environ.items() if key.upper() in common or key.upper().startswith(prefixes)}
    passed.pop(_OURS_ALONE, None)
    return Environment({**passed, **(env or {})})


def key_variable(provider: str) -> str:
    """Return the variable that a provider's server takes a key from; for a preset, the first that it looks at."""
    from mcp_models.servers.presets import PRESETS

    name = provider.replace("-", "_")
    row = PRESETS.get(name.lower())
    return row.key_variables[0] if row else f"{name.upper()}_API_KEY"


def _own_prefixes(name: str) -> tuple[str, ...]:
    """Return what a provider's variables begin with; the keys of a preset have names of their own besides these."""
    from mcp_models.servers.presets import PRESETS

    row = PRESETS.get(name.lower())
    return _PREFIXES.get(name.lower(), (f"{name.upper()}_", *(row.key_variables if row else ())))
