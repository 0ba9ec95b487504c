"""Test the editing of MCP hosts' settings files."""
