"""The commands of `mcp-models`."""
