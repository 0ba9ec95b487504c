"""Define a class for each provider's models, one per file: over MCP or directly. `Fallback` and `Panel` hold other models."""
