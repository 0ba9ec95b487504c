"""Let you run `mcp-models` as `python -m mcp_models.client.commands`."""

from __future__ import annotations

from mcp_models.client.commands import main

main()
