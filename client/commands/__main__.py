"""Run `python -m mcp_models.client.commands` as `mcp-models`."""

from __future__ import annotations

from mcp_models.client.commands import main

main()
