"""Implement the program `mcp-models`. Each command is a file of its own, imported only when it is run."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command named in this process's arguments.

    `serve` on stdin and stdout, `tape record` and `tape replay` come before click is imported, as a host waits for a handshake.
    """
    http = any(word.partition("=")[0] == "--http" for word in sys.argv)
    if sys.argv[1:2] == ["serve"] and sys.argv[2:] and not sys.argv[2].startswith("-") and not http:
        from mcp_models.client.commands.serve import serve

        serve(sys.argv[2], sys.argv[3:])
    if sys.argv[1:2] == ["tape"]:
        from mcp_models.client.commands.tape import run

        run(sys.argv[2:])
    from mcp_models.client.commands.group import group

    group(prog_name="mcp-models")
