"""Run a provider's server in this process, with its stored key: `mcp-models serve PROVIDER`.

A host starts this and waits for it, so import nothing here that the server does not need, such as click or platformdirs.
"""

from __future__ import annotations

import os
import sys

from mcp_models.client import key_store
from mcp_models.client.reference import is_reference
from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from mcp_models.servers.core.provider import Provider


def serve(name: str, arguments: Sequence[str]) -> NoReturn:
    """Serve a provider until stdin ends, as its own program would.

    Args:
        name: The provider's name. `google-ai-studio` works too, for `google_ai_studio`.
        arguments: The arguments for the provider's own program.

        The exit codes are those of `stdio.serve`, and 2 if there is no such provider.
    """
    provider_name = name.replace("-", "_")
    providers = server_modules()
    if provider_name not in providers:
        print(f"mcp-models: no provider {name!r}; there are {', '.join(providers)}.", file=sys.stderr)
        raise SystemExit(2)
    unset_references()
    sys.argv = [f"mcp-models serve {name}", *arguments]
    stdio.serve(provider_with_key(provider_name))


def unset_references() -> None:
    """Unset variables that hold nothing but a reference the host has not expanded: `${NAME}`, `${env:NAME}` or `$NAME`."""
    for name, value in list(os.environ.items()):
        if is_reference(value.strip()):
            del os.environ[name]


def provider_with_key(name: str) -> Provider:
    """Return a provider's adapter, after putting its stored key into this process's environment unless the host set one.

    A stored key that cannot be read does not stop the server. The reason goes to stderr and into the answer to a call.
    """
    provider = load_provider(name)
    if any(provider.env.get(variable, "").strip() for variable in provider.key_variables):
        return provider
    cure = f"run `mcp-models keys set {name}`"
    try:
        stored = key_store.stored_environment(name)
    except key_store.KeyStoreError as error:
        print(f"mcp-models: {error}", file=sys.stderr)
        stored, cure = {}, str(error).rstrip(".")
    if stored:
        os.environ.update(stored)
        return load_provider(name)
    if any(variable in provider.setup for variable in provider.key_variables):
        setattr(provider, "setup", f"{cure}, or {provider.setup}")  # noqa: B010
    return provider
