"""Choose which environment variables a server process gets: what it needs, but no other provider's keys."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Providers whose variables do not simply begin with their name.
_PREFIXES = {
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
_COMMON_PREFIXES = ("LC_", "XDG_", "PYTHON", "MCP_MODELS_")


class Environment(dict[str, str]):
    """Environment variables. The `repr` does not show their values."""

    def __repr__(self) -> str:
        return f"Environment({', '.join(self)})"


def server_environment(provider: str, env: Mapping[str, str] | None = None) -> Environment:
    """Return the environment for a provider's server.

    Args:
        provider: The provider's name. Its own variables are passed on: for `mistral`, those that begin with `MISTRAL_`.
        env: Variables to add or to override.
    """
    name = provider.replace("-", "_")
    prefixes = _COMMON_PREFIXES + _PREFIXES.get(name.lower(), (f"{name.upper()}_",))
    common = _COMMON.split()
    passed = {key: value for key, value in os.environ.items() if key.upper() in common or key.upper().startswith(prefixes)}
    return Environment({**passed, **(env or {})})
