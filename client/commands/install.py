"""Define `mcp-models install`: add our servers to the settings of an MCP host."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import click

from mcp_models.client import key_store
from mcp_models.client.commands.host_files import HOST, HOST_NAMES, fail, files
from mcp_models.client.commands.providers import configured_provider, named_provider
from mcp_models.client.hosts import jsonc
from mcp_models.client.hosts.edits import editor
from mcp_models.client.hosts.entry import entry, link
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.client.hosts.settings_file import SettingsFile
from mcp_models.client.hosts.table import HOSTS
from mcp_models.client.key_store import KeyStoreError
from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import settings
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.price_list import PRICES_VARIABLE
from mcp_models.servers.core.user_folders import this_system

SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
CARRIED = (
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    settings.TIMEOUT_VARIABLE,
    settings.LEDGER_VARIABLE,
    settings.BUDGET_VARIABLE,
    PRICES_VARIABLE,
)
"""Variables that a server must share with this process: where the keys and the ledger are, what a call may take and cost."""

_USUAL = {"XDG_CONFIG_HOME": "~/.config", "XDG_STATE_HOME": "~/.local/state"}


@click.command("install", epilog=f"HOST is one of {HOST_NAMES}. Example: mcp-models install claude-code openai")
@click.argument("host", type=HOST, metavar="HOST")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]…")
@click.option("--project", is_flag=True, help="Write the file of the project in the current folder, not the user's.")
@click.option("--env", "settings_given", multiple=True, metavar="NAME=VALUE", help="A setting for the servers; no key.")
@click.option("--files", "folders", multiple=True, metavar="DIR", help="Let calls attach files below DIR. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
@click.option("--print", "as_block", is_flag=True, help="Print what would stand in the file and write nothing.")
@click.option("--link", "as_link", is_flag=True, help="Print a link that installs each server, where HOST knows one.")
def command(
    host: str,
    providers: tuple[str, ...],
    project: bool,
    settings_given: tuple[str, ...],
    folders: tuple[str, ...],
    dry_run: bool,
    as_block: bool,
    as_link: bool,
) -> None:
    """Add the servers of PROVIDERs to HOST's settings. Without PROVIDER, add those that are configured.

    Every byte of the file that is not ours stays as it is. Keys are never written to it: store them with
    `mcp-models keys set PROVIDER`.

    Exit codes: 0 done, or nothing to do; 1 the file was left as it is, and the block to add by hand is printed; 2 wrong usage.
    """
    row = HOSTS[host]
    names = list(dict.fromkeys(map(named_provider, providers))) or _configured()
    entries = _entries(row, names, {**_settings(settings_given), **_allowed(folders)})
    block = editor(row).render({row.section: entries})
    if as_link:
        _print_links(row, entries)
    elif as_block:
        click.echo(block, nl=False)
    else:
        for path in files(row, project):
            _install(row, path, entries, block, dry_run=dry_run, private=not project)
        if not dry_run:
            _say_what_is_left_to_do(row, names)


def _install(row: Host, path: str, entries: Mapping[str, Any], block: str, *, dry_run: bool, private: bool) -> None:
    try:
        file = SettingsFile(row, path)
        change = file.with_servers(entries)
        if dry_run:
            click.echo(change.diff(), nl=False)
            return
        if change.after != change.before:
            file.apply(change, 0o600 if private else None)
    except (Unreadable, OSError) as error:
        click.echo(block, nl=False)
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        fail(f"{path} is left as it is: {reason}. Put the block above into it by hand.")
    done = "has" if change.after == change.before else "has now"
    click.echo(f"{row.title} {done} {', '.join(entries)} in {path}", err=True)
    refused = sorted(jsonc.features(file.text) & set(row.refuses)) if row.format == "json" else []
    if refused:
        click.echo(f"  {row.title} does not read a file with {' and '.join(refused)}, which that one has", err=True)


def _entries(row: Host, names: list[str], env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    try:
        timeout = settings.default_timeout({**os.environ, **env})
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    adapters = {name: load_provider(name, {}) for name in names}
    return {name: entry(row, name, adapter.key_variables, timeout, env) for name, adapter in adapters.items()}


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    """Return the variables for an entry: those in `CARRIED` that are set, and those you gave.

    Raises:
        click.UsageError: One is not NAME=VALUE, or is a key.
    """
    found = {name: os.environ[name] for name in CARRIED if os.environ.get(name, "").strip()}
    found = {name: value for name, value in found.items() if value != os.path.expanduser(_USUAL.get(name, ""))}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier():
            raise click.UsageError(f"--env: expected NAME=VALUE, got {name!r}.")
        if name.upper().endswith(SECRET_ENDINGS):
            raise click.UsageError(f"--env: {name} is a key, which does not go into a host's file: use `mcp-models keys set`.")
        found[name] = value
    if _holds_password(found.get(settings.LEDGER_VARIABLE, "")):
        raise click.UsageError(
            f"{settings.LEDGER_VARIABLE} holds a password, which does not go into a host's file: "
            "put it into ~/.pgpass, and leave it out of the address."
        )
    return found


def _allowed(folders: tuple[str, ...]) -> dict[str, str]:
    """Return the variable that lets calls attach files of folders. A host may start the server anywhere, so paths are whole.

    Raises:
        click.UsageError: One is not a folder that can be allowed.
    """
    if not folders:
        return {}
    from mcp_models.servers.core.files.paths import allowed_folders

    env = {settings.FILES_VARIABLE: os.pathsep.join(map(os.path.abspath, folders))}
    try:
        allowed_folders(env)
    except ConfigurationError as error:
        raise click.UsageError(f"--files: {error}") from None
    return env


def _holds_password(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return "://" in address and (parts.password is not None or "password=" in parts.query)


def _configured() -> list[str]:
    """Return the providers whose settings are complete. If there are none, return those with a server on this machine.

    Raises:
        click.UsageError: There are none of these either.
    """
    adapters = {name: configured_provider(name) for name in server_modules()}
    real = {name: adapter for name, adapter in adapters.items() if adapter.setup}
    ready = [name for name in real if real[name].configured()] or [name for name in real if real[name].running()]
    if not ready:
        raise click.UsageError(
            "No provider is configured: name one, and store its key with `mcp-models keys set PROVIDER`; "
            f"there are {', '.join(adapters)}."
        )
    return ready


def _print_links(row: Host, entries: Mapping[str, Any]) -> None:
    for name, fields in entries.items():
        url = link(row, name, load_provider(name, {}).title, fields)
        if url is None:
            fail(f"{row.title} knows no such link: leave --link out, or use --print.")
        click.echo(url)


def _say_what_is_left_to_do(row: Host, names: list[str]) -> None:
    try:
        stored = key_store.records()
    except KeyStoreError as error:
        click.echo(f"mcp-models: {error}", err=True)
        stored = {}
    for note in [key_note(row, name, stored.get(name)) for name in names]:
        if note:
            click.echo(f"  {note}", err=True)
    if "archive-v0" in sys.prefix.replace("\\", "/").split("/"):
        click.echo("  this mcp-models is in uv's cache, which may be emptied: `uv tool install mcp-models` keeps it", err=True)
    click.echo(f"  to see it: {row.reload}", err=True)


def key_note(row: Host, name: str, record: key_store.Record | None) -> str | None:
    """Return what you must know or do so that a server in a host gets its key. None if there is nothing to do."""
    adapter = load_provider(name, {})
    cure = f"`mcp-models keys set {name}`"
    if record and record.get("keychain"):
        if this_system() == "linux" and row.environment != "all":
            return f"{row.title} may keep the server from the keychain: {cure}, without --keychain, stores the key in a file"
        return None
    if record or not any(variable in adapter.setup for variable in adapter.key_variables):
        return None
    in_shell = next((variable for variable in adapter.key_variables if os.environ.get(variable, "").strip()), None)
    if in_shell is None:
        return f"{name} has no key yet: {cure} stores one"
    if row.environment in ("some", "unknown") and (not row.withheld or in_shell in row.withheld):
        return f"{row.title} may not pass your {in_shell} on: {cure} stores it"
    return f"the server gets {in_shell} only where {row.title} is started with it: {cure} stores it for good"
