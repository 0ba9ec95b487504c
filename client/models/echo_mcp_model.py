"""Define `EchoMCPModel`."""

from __future__ import annotations

from mcp_models.client.mcp_model import MCPModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from mcp_models.client.options import MCPModelOptions


class EchoMCPModel(MCPModel):
    """A model that repeats your prompt, through our MCP server. It needs no key and no network.

    Args:
        model_name: The provider's name of a model. None means the default.
        api_key: A key, if it is not in the environment.
        options: Further arguments of `MCPModel`.
    """

    def __init__(self, model_name: str | None = None, api_key: str | None = None, **options: Unpack[MCPModelOptions]) -> None:
        super().__init__("echo", model_name, "mcp_models.servers.echo_mcp_server", api_key, **options)
