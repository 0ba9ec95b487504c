"""Define `mcp-models keys`: store, list and remove API keys."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from mcp_models.client import key_store
from mcp_models.client.commands.providers import key_variables, named_provider
from mcp_models.client.key_store import KeyStoreError
from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import settings
from mcp_models.servers.core.errors import ConfigurationError

EXIT_KEYS = 3
MAX_LINE = 16_384


@click.group("keys", epilog="Examples: mcp-models keys set openai; mcp-models keys list; mcp-models keys remove openai")
def command() -> None:
    """Store API keys for the servers that a host starts.

    Many hosts do not pass the keys in your shell on to a server. `mcp-models install` therefore makes them start
    `mcp-models serve`, which uses the key stored here unless the host sets one. Keys are never written to a host's own file.
    """


@command.command("set", epilog="Example: mcp-models keys set openai")
@click.argument("provider")
@click.option("--keychain", is_flag=True, help="Store it in the system's keychain instead of a file.")
def set_key(provider: str, keychain: bool) -> None:
    """Store PROVIDER's key. Type it, which shows no echo, or pipe it in as one line."""
    name = named_provider(provider)
    variables = key_variables(name)
    if not variables:
        raise click.UsageError(f"{load_provider(name, {}).title} needs no key.")
    variable = variables[0]
    try:
        stored = key_store.records()
        key = settings.key({variable: _key_given(variable)}, variable, "nothing was given.")
        _forget(stored.get(name), keep_keychain=keychain)
        if keychain:
            from mcp_models.client import keychain as system_keychain

            system_keychain.put(variable, key)
        record = {"variable": variable, **({"keychain": True} if keychain else {"key": key})}
        key_store.write({**stored, name: record})
    except (KeyStoreError, ConfigurationError) as error:
        _fail(str(error))
    place = "the keychain" if keychain else key_store.key_file()
    click.echo(f"{name}: {variable} is stored in {place}.", err=True)


@command.command("list", epilog="Example: mcp-models keys list")
def list_keys() -> None:
    """List your keys by name, and where each one is kept. If there are several places, the first one counts."""
    try:
        stored = key_store.records()
    except KeyStoreError as error:
        _fail(str(error))
    rows = []
    for name in server_modules():
        record = stored.get(name)
        places = {variable: ["environment"] for variable in key_variables(name) if os.environ.get(variable, "").strip()}
        if record:
            place = "keychain" if record.get("keychain") else key_store.key_file()
            places.setdefault(record["variable"], []).append(place)
        rows += [(name, variable, ", ".join(where)) for variable, where in places.items()]
    if not rows:
        click.echo("mcp-models: no key is stored: `mcp-models keys set PROVIDER` stores one.", err=True)
    for name, variable, where in rows:
        click.echo(f"{name:<{max(len(row[0]) for row in rows)}}  {variable:<{max(len(row[1]) for row in rows)}}  {where}")


@command.command("remove", epilog="Example: mcp-models keys remove openai")
@click.argument("provider")
def remove_key(provider: str) -> None:
    """Remove PROVIDER's stored key."""
    name = named_provider(provider)
    try:
        stored = key_store.records()
        record = stored.pop(name, None)
        if record is None:
            _fail(f"no key is stored for {name}; `mcp-models keys list` shows those that are.")
        _forget(record, keep_keychain=False)
        key_store.write(stored)
    except KeyStoreError as error:
        _fail(str(error))
    click.echo(f"{name}: {record['variable']} is removed.", err=True)


def _key_given(variable: str) -> str:
    """Read a key typed without echo, or the first line of a pipe.

    Raises:
        KeyStoreError: The line is too long or is not text.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        typed: str = click.prompt(variable, hide_input=True, err=True, default="", show_default=False)
        return typed
    line = sys.stdin.buffer.readline(MAX_LINE + 1) if sys.stdin is not None else b""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if len(line) > MAX_LINE or "\x00" in text:
        raise KeyStoreError("what came from standard input is no key: pipe one line of text.")
    return text


def _forget(record: key_store.Record | None, *, keep_keychain: bool) -> None:
    """Remove a key from the keychain, if its record says that it is there."""
    if record and record.get("keychain") and not keep_keychain:
        from mcp_models.client import keychain

        keychain.delete(record["variable"])


def _fail(message: str) -> NoReturn:
    click.echo(f"mcp-models: {message}", err=True)
    raise SystemExit(EXIT_KEYS)
