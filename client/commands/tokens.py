"""Define `mcp-models tokens`: add, list and remove the tokens of those who may use `mcp-models serve --http`."""

from __future__ import annotations

import os
import time
from typing import NoReturn

import click

from mcp_models.client.atomic_file import write_atomically
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.budget import for_one_host
from mcp_models.servers.streamable_http import token_file
from mcp_models.servers.streamable_http.token_file import TokenFileError, TokenRecord

EXIT_TOKENS = 3

_file = click.option("--file", "path", type=click.Path(dir_okay=False), help="Another file than the usual one.")


@click.group("tokens", epilog='Examples: mcp-models tokens add alice --budget "20 USD/month"; mcp-models tokens remove alice')
def command() -> None:
    """Let people use your servers over HTTP.

    `mcp-models serve --http` takes the tokens that are made here. Its file has only their hashes, and each caller's name and
    budget. A change counts at once, without a restart.
    """


@command.command("add", epilog='Example: mcp-models tokens add alice --budget "20 USD/month"')
@click.argument("name")
@click.option("--budget", default="", help="What the caller may spend or make, such as `5 USD/day, 100 calls/hour`.")
@_file
def add(name: str, budget: str, path: str | None) -> None:
    """Make a token for NAME and print it. It is shown this once only."""
    place = path or token_file.default_path()
    token = token_file.new_token()
    try:
        token_file.check_name(name)
        for_one_host(budget)
        records = token_file.read(place)
        if name in records:
            _fail(f"{name} has a token; `mcp-models tokens remove {name}` makes room for a new one.")
        record = TokenRecord(token_file.digest(token), time.strftime("%Y-%m-%d", time.gmtime()), budget.strip())
        _write(place, {**records, name: record})
    except (TokenFileError, ConfigurationError) as error:
        _fail(str(error).replace("MCP_MODELS_BUDGET", "--budget"))
    click.echo(f"{name} may use the servers now. Pass this on to them: it is not kept, and not shown again.", err=True)
    click.echo(token)


@command.command("list", epilog="Example: mcp-models tokens list")
@_file
def list_tokens(path: str | None) -> None:
    """List who has a token, since when, and with which budget."""
    records = _read(path or token_file.default_path())
    if not records:
        click.echo("mcp-models: there is no token: `mcp-models tokens add NAME` makes one.", err=True)
    width = max(map(len, records), default=0)
    for name, record in sorted(records.items()):
        click.echo(f"{name:<{width}}  {record.added}  {record.budget}".rstrip())


@command.command("remove", epilog="Example: mcp-models tokens remove alice")
@click.argument("name")
@_file
def remove(name: str, path: str | None) -> None:
    """Revoke NAME's token. Calls that are being answered are answered."""
    place = path or token_file.default_path()
    records = _read(place)
    if records.pop(name, None) is None:
        _fail(f"{name} has no token; `mcp-models tokens list` shows who has.")
    try:
        _write(place, records)
    except TokenFileError as error:
        _fail(str(error))
    click.echo(f"{name}'s token is not valid any more.", err=True)


def _read(path: str) -> dict[str, TokenRecord]:
    try:
        return token_file.read(path)
    except TokenFileError as error:
        _fail(str(error))


def _write(path: str, records: dict[str, TokenRecord]) -> None:
    """Replace the file. Only its owner can read it.

    Raises:
        TokenFileError: It cannot be written.
    """
    real = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(real), mode=0o700, exist_ok=True)
        write_atomically(real, token_file.encoded(records), mode=None if os.path.exists(real) else 0o600)
    except OSError as error:
        raise TokenFileError(f"{path} cannot be written: {error.strerror}.") from None


def _fail(message: str) -> NoReturn:
    click.echo(f"mcp-models: {message}", err=True)
    raise SystemExit(EXIT_TOKENS)
