"""Define the help of `mcp-models serve` and check its arguments. `serve.py` does the work, without click."""

from __future__ import annotations

from typing import NoReturn

import click


@click.command("serve", epilog="Example: mcp-models serve openai < calls.jsonl")
@click.argument("provider")
@click.option("--warm", is_flag=True, help="Import the provider's SDK right after the handshake.")
def command(provider: str, warm: bool) -> NoReturn:
    """Run PROVIDER's MCP server on stdin and stdout, with the key that `mcp-models keys set` stored.

    `mcp-models install` makes a host start this. A key that the host sets in the environment wins over a stored one.
    """
    from mcp_models.client.commands.serve import serve

    serve(provider, ["--warm"] if warm else [])
