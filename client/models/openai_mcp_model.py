"""Define `OpenAIMCPModel`."""

from __future__ import annotations

from mcp_models.client.mcp_model import MCPModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from mcp_models.client.options import MCPModelOptions


class OpenAIMCPModel(MCPModel):
    """OpenAI with OPENAI_API_KEY or a ChatGPT login, through our MCP server.

    Args:
        model_name: The provider's name of a model. None means the default.
        api_key: A key, if it is not in the environment.
        options: Further arguments of `MCPModel`.
    """

    def __init__(self, model_name: str | None = None, api_key: str | None = None, **options: Unpack[MCPModelOptions]) -> None:
        super().__init__("openai", model_name, "mcp_models.servers.openai_mcp_server", api_key, **options)
