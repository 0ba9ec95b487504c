"""Serve the same echo tool with the official SDK's high-level server."""

from mcp.server import MCPServer

server = MCPServer("echo", log_level="ERROR")


@server.tool()
def complete(prompt: str) -> str:
    """Repeat the prompt."""
    return prompt


server.run()
