"""Run the program `mcp-models`, with Google's prices for Gemini although the address is a fake's. Run it with `-m`."""

from __future__ import annotations

from unittest import mock

from mcp_models.client.commands import main
from mcp_models.servers.google_ai_studio_mcp_server import GoogleAIStudio

if __name__ == "__main__":
    with mock.patch.multiple(GoogleAIStudio, has_list_prices=lambda self: True, may_charge=lambda self: True):
        main()
