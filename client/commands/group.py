"""Define the command group `mcp-models`. A command is imported when it is run, or when `--help` lists it."""

from __future__ import annotations

import importlib

import click

from mcp_models.servers.core import __version__

COMMANDS = {
    "batch": "mcp_models.client.commands.batch",
    "complete": "mcp_models.client.commands.complete",
    "doctor": "mcp_models.client.commands.doctor",
    "install": "mcp_models.client.commands.install",
    "keys": "mcp_models.client.commands.keys",
    "models": "mcp_models.client.commands.models",
    "prices": "mcp_models.client.commands.prices",
    "serve": "mcp_models.client.commands.serve_help",
    "tape": "mcp_models.client.commands.tape_help",
    "tokens": "mcp_models.client.commands.tokens",
    "uninstall": "mcp_models.client.commands.uninstall",
    "usage": "mcp_models.client.commands.usage",
}
"""Each command, with the module that defines it as `command`."""


class LazyGroup(click.Group):
    """A group of commands that are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None if there is none with this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


EXAMPLES = """
\b
Examples:
  mcp-models complete "Why is the sky blue?"
  mcp-models keys set openai
  mcp-models install claude-code openai
  mcp-models doctor
"""


@click.group(cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcp-models")
def group() -> None:
    """LLM providers as MCP servers, from the command line."""
