"""Carries MCP messages, one line of JSON each: what a server and the bridge to it both use."""
