"""Name the models: one file each, over an MCP server or directly in this process."""
