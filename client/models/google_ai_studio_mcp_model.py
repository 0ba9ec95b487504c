"""Define `GoogleAIStudioMCPModel`."""

from __future__ import annotations

from mcp_models.client.mcp_model import MCPModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from mcp_models.client.options import MCPModelOptions


class GoogleAIStudioMCPModel(MCPModel):
    """Gemini with GOOGLE_API_KEY, through our MCP server.

    Args:
        model_name: The provider's name of a model. None means the default.
        api_key: A key, if it is not in the environment.
        options: Further arguments of `MCPModel`.
    """

    api_key_variable = "GOOGLE_API_KEY"

    def __init__(self, model_name: str | None = None, api_key: str | None = None, **options: Unpack[MCPModelOptions]) -> None:
        super().__init__("google_ai_studio", model_name, "mcp_models.servers.google_ai_studio_mcp_server", api_key, **options)
