"""Define a class for each provider's models, one per file. Each uses an MCP server, or the provider directly."""
