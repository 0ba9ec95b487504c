"""The bridge: an MCP server with a completion tool as a Python model with `call()`, and the same models in process."""

from mcp_models.client.anthropic_mcp_model import AnthropicMCPModel
from mcp_models.client.anthropic_model import AnthropicModel
from mcp_models.client.anthropic_ollama_api_model import AnthropicOllamaAPIModel
from mcp_models.client.anthropic_ollama_mcp_model import AnthropicOllamaMCPModel
from mcp_models.client.devstral_local_mcp_model import DevstralLocalMCPModel
from mcp_models.client.devstral_local_model import DevstralLocalModel
from mcp_models.client.direct_model import DirectModel
from mcp_models.client.echo_mcp_model import EchoMCPModel
from mcp_models.client.errors import (
    ServerExitedError,
    ServerJSONError,
    ServerProtocolError,
    ServerStartError,
    ServerTimeoutError,
    SessionError,
)
from mcp_models.client.google_ai_studio_mcp_model import GoogleAIStudioMCPModel
from mcp_models.client.google_ai_studio_model import GoogleAIStudioModel
from mcp_models.client.mcp_model import MCPModel
from mcp_models.client.mistral_api_model import ComplianceError, MistralAPIModel
from mcp_models.client.mistral_mcp_model import MistralMCPModel
from mcp_models.client.model import Model
from mcp_models.client.ollama_mcp_model import OllamaMCPModel
from mcp_models.client.ollama_model import OllamaModel
from mcp_models.client.openai_mcp_model import OpenAIMCPModel
from mcp_models.client.openai_model import OpenAIModel
from mcp_models.client.session import Session
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.client.completion_result import CompletionResult, ErrorType, UsageResult

__all__ = [
    "MAX_TOKENS_DEFAULT",
    "TEMPERATURE_DEFAULT",
    "AnthropicMCPModel",
    "AnthropicModel",
    "AnthropicOllamaAPIModel",
    "AnthropicOllamaMCPModel",
    "CompletionResult",
    "ComplianceError",
    "DevstralLocalMCPModel",
    "DevstralLocalModel",
    "DirectModel",
    "EchoMCPModel",
    "ErrorType",
    "GoogleAIStudioMCPModel",
    "GoogleAIStudioModel",
    "MCPModel",
    "MistralAPIModel",
    "MistralMCPModel",
    "Model",
    "OllamaMCPModel",
    "OllamaModel",
    "OpenAIMCPModel",
    "OpenAIModel",
    "ServerExitedError",
    "ServerJSONError",
    "ServerProtocolError",
    "ServerStartError",
    "ServerTimeoutError",
    "Session",
    "SessionError",
    "UsageResult",
]


def __getattr__(name: str) -> object:
    """The types of results, imported when asked for: only type checkers and annotations need them."""
    if name in ("CompletionResult", "ErrorType", "UsageResult"):
        from mcp_models.client import completion_result

        return getattr(completion_result, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
