"""Define `mcp-models uninstall`: remove our servers from the settings of an MCP host."""

from __future__ import annotations

import click

from mcp_models.client.commands.host_files import HOST, HOST_NAMES, fail, files
from mcp_models.client.commands.providers import named_provider
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.client.hosts.settings_file import SettingsFile
from mcp_models.client.hosts.table import HOSTS


@click.command("uninstall", epilog=f"HOST is one of {HOST_NAMES}. Example: mcp-models uninstall claude-code")
@click.argument("host", type=HOST, metavar="HOST")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]…")
@click.option("--project", is_flag=True, help="Edit the file of the project in the current folder, not the user's.")
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
def command(host: str, providers: tuple[str, ...], project: bool, dry_run: bool) -> None:
    """Remove the servers of PROVIDERs from HOST's settings. Without PROVIDER, remove all that are ours.

    If nobody else has changed the file since `install`, it becomes what it was before, byte for byte.

    Exit codes: 0 done, or nothing to do; 1 the file was left as it is; 2 wrong usage.
    """
    row = HOSTS[host]
    names = [named_provider(word) for word in providers]
    for path in files(row, project):
        _uninstall(row, path, names, dry_run)


def _uninstall(row: Host, path: str, names: list[str], dry_run: bool) -> None:
    try:
        file = SettingsFile(row, path)
        present = [name for name in names if name in file.servers()] if names else file.ours()
        if not present:
            click.echo(f"{row.title} has none of them in {path}", err=True)
            return
        change = file.without_servers(present)
        if dry_run:
            click.echo(change.diff(), nl=False)
            return
        file.apply(change, None)
    except (Unreadable, OSError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        fail(f"{path} is left as it is: {reason}. Remove the servers from it by hand.")
    click.echo(f"{row.title} has no longer {', '.join(present)} in {path}", err=True)
