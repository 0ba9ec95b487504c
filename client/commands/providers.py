"""Find the provider that a word on the command line names, and set up its adapter with the stored key."""

from __future__ import annotations

import os

import click

from mcp_models.client import key_store
from mcp_models.servers import load_provider, server_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.servers.core.provider import Provider


def named_provider(word: str) -> str:
    """Return a provider's name. `google-ai-studio` works too, for `google_ai_studio`.

    Raises:
        click.UsageError: There is no such provider.
    """
    name, providers = word.replace("-", "_"), server_modules()
    if name not in providers:
        raise click.UsageError(f"No provider {word!r}; there are {', '.join(providers)}.")
    return name


def stored_key(name: str) -> dict[str, str]:
    """Return the variable with a provider's stored key. Empty if none is stored, or if the environment already has one.

    Raises:
        KeyStoreError: A key is stored but cannot be read.
    """
    if name not in key_store.records() or any(os.environ.get(variable, "").strip() for variable in key_variables(name)):
        return {}
    return key_store.stored_environment(name)


def configured_provider(name: str) -> Provider:
    """Return a provider's adapter, with the same key as in `mcp-models serve`. If that cannot be read, say why on stderr."""
    try:
        return load_provider(name, {**os.environ, **stored_key(name)})
    except key_store.KeyStoreError as error:
        click.echo(f"mcp-models: {error}", err=True)
        return load_provider(name)


def key_variables(name: str) -> tuple[str, ...]:
    """Return the variables that may hold a provider's key."""
    return load_provider(name, {}).key_variables
