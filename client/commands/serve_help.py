"""Define how click shows and checks `mcp-models serve`; `serve.py` runs it without click."""

from __future__ import annotations

from typing import NoReturn

import click


@click.command("serve", epilog="Example: mcp-models serve openai < calls.jsonl")
@click.argument("provider")
@click.option("--warm", is_flag=True, help="Import the provider's SDK right after the handshake.")
def command(provider: str, warm: bool) -> NoReturn:
    """Run PROVIDER's MCP server on stdin and stdout, with the key that `mcp-models keys set` stored.

    This is what `mcp-models install` has a host start. What the host sets in the environment wins over a stored key.
    """
    from mcp_models.client.commands.serve import serve

    serve(provider, ["--warm"] if warm else [])
