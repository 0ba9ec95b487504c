"""Serve the same echo tool with FastMCP."""

from fastmcp import FastMCP

server = FastMCP("echo")


@server.tool()
def complete(prompt: str) -> str:
    """Repeat the prompt."""
    return prompt


server.run(show_banner=False)
