"""The bridge: an MCP server with a completion tool as a Python model with `call()`."""

from mcp_models.client.echo_mcp_model import EchoMCPModel
from mcp_models.client.errors import (
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.mcp_model import MCPModel
from mcp_models.client.model import Model
from mcp_models.client.ollama_mcp_model import OllamaMCPModel
from mcp_models.client.openai_mcp_model import OpenAIMCPModel
from mcp_models.client.session import Session
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT

__all__ = [
    "MAX_TOKENS_DEFAULT",
    "TEMPERATURE_DEFAULT",
    "EchoMCPModel",
    "MCPModel",
    "Model",
    "OllamaMCPModel",
    "OpenAIMCPModel",
    "ServerExitedError",
    "ServerJSONError",
    "ServerProtocolError",
    "ServerStartError",
    "ServerTimeoutError",
    "Session",
    "SessionError",
]
