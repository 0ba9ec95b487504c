"""Share what `install` and `uninstall` both need: the argument HOST, the files of a host, and how to fail."""

from __future__ import annotations

import os
from typing import NoReturn

import click

from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.table import HOSTS

HOST = click.Choice(list(HOSTS))
HOST_NAMES = ", ".join(HOSTS)

EXIT_LEFT_AS_IT_IS = 1


def files(row: Host, project: bool) -> list[str]:
    """Return the paths of the files to edit.

    Raises:
        click.UsageError: You asked for the project's file, but the host has none.
    """
    if not project:
        return row.user_files()
    if row.project_file is None:
        raise click.UsageError(f"{row.title} has no file for a project: leave --project out.")
    return [os.path.join(os.getcwd(), *row.project_file.split("/"))]


def fail(message: str) -> NoReturn:
    """Print a message and exit with 1. Use this when a file is left as it is."""
    click.echo(f"mcp-models: {message}", err=True)
    raise SystemExit(EXIT_LEFT_AS_IT_IS)
