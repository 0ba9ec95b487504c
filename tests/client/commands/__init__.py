"""Test the commands of `mcp-models`."""
