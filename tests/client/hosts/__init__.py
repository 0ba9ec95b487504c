"""The settings files of MCP hosts."""
