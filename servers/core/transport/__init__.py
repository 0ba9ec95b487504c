"""Carry MCP messages, one line of JSON each. Both a server and the bridge to it use this package."""
