"""Define `AcmeMCPModel`."""

from __future__ import annotations

from mcp_models.client.mcp_model import MCPModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from mcp_models.client.options import MCPModelOptions


class AcmeMCPModel(MCPModel):
    """Acme through its MCP server.

    Args:
        model_name: The provider's name of a model; None means its default.
        api_key: A key, if none is in the environment.
        options: Further arguments of `MCPModel`.
    """

    def __init__(self, model_name: str | None = None, api_key: str | None = None, **options: Unpack[MCPModelOptions]) -> None:
        super().__init__("acme", model_name, "mcp_models.servers.acme_mcp_server", api_key, **options)
