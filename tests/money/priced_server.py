"""Serve Gemini as its own server does, but with Google's prices although the address is a fake's. Run it with `-m`."""

from __future__ import annotations

from mcp_models.servers.core.stdio import serve
from mcp_models.servers.google_ai_studio_mcp_server import GoogleAIStudio


class PricedGemini(GoogleAIStudio):
    """Gemini, whose calls cost money wherever it is."""

    def has_list_prices(self) -> bool:
        """Return True."""
        return True

    def may_charge(self) -> bool:
        """Return True."""
        return True


if __name__ == "__main__":
    serve(PricedGemini())
