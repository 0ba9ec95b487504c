"""Use MCP servers with a completion tool, or the providers directly, as Python models with one method: `call()`.

Each name is imported when you first use it, so `import mcp_models.client` loads only what your program needs.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.client.completion_result import (
        CompletionFailure,
        CompletionResult,
        CompletionSuccess,
        ErrorType,
        UsageResult,
    )
    from mcp_models.client.direct_model import DirectModel
    from mcp_models.client.errors import (
        ServerExitedError,
        ServerJSONError,
        ServerProtocolError,
        ServerStartError,
        ServerTimeoutError,
        SessionError,
    )
    from mcp_models.client.group_results import (
        Attempt,
        FallbackFailure,
        FallbackResult,
        FallbackSuccess,
        PanelAnswer,
        PanelFailure,
        PanelResult,
        PanelSuccess,
    )
    from mcp_models.client.mcp_model import MCPModel
    from mcp_models.client.model import Model
    from mcp_models.client.models.anthropic_mcp_model import AnthropicMCPModel
    from mcp_models.client.models.anthropic_model import AnthropicModel
    from mcp_models.client.models.anthropic_ollama_api_model import AnthropicOllamaAPIModel
    from mcp_models.client.models.anthropic_ollama_mcp_model import AnthropicOllamaMCPModel
    from mcp_models.client.models.devstral_local_mcp_model import DevstralLocalMCPModel
    from mcp_models.client.models.devstral_local_model import DevstralLocalModel
    from mcp_models.client.models.echo_mcp_model import EchoMCPModel
    from mcp_models.client.models.fallback import FALL_BACK_ON, Fallback
    from mcp_models.client.models.google_ai_studio_mcp_model import GoogleAIStudioMCPModel
    from mcp_models.client.models.google_ai_studio_model import GoogleAIStudioModel
    from mcp_models.client.models.mistral_api_model import ComplianceError, MistralAPIModel
    from mcp_models.client.models.mistral_mcp_model import MistralMCPModel
    from mcp_models.client.models.ollama_mcp_model import OllamaMCPModel
    from mcp_models.client.models.ollama_model import OllamaModel
    from mcp_models.client.models.openai_mcp_model import OpenAIMCPModel
    from mcp_models.client.models.openai_model import OpenAIModel
    from mcp_models.client.models.panel import Panel
    from mcp_models.client.models.recorded import Recorded
    from mcp_models.client.options import CallOptions, MCPModelOptions
    from mcp_models.client.server_handle import ServerHandle
    from mcp_models.client.stream import AsyncCompletionStream, CompletionStream
    from mcp_models.client.tapes.errors import NotOnTapeError, TapeError
    from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TEMPERATURE_DEFAULT

_MODULES = {
    "completion_result": ("CompletionFailure", "CompletionResult", "CompletionSuccess", "ErrorType", "UsageResult"),
    "direct_model": ("DirectModel",),
    "errors": (
        "ServerExitedError",
        "ServerJSONError",
        "ServerProtocolError",
        "ServerStartError",
        "ServerTimeoutError",
        "SessionError",
    ),
    "group_results": (
        "Attempt",
        "FallbackFailure",
        "FallbackResult",
        "FallbackSuccess",
        "PanelAnswer",
        "PanelFailure",
        "PanelResult",
        "PanelSuccess",
    ),
    "mcp_model": ("MCPModel",),
    "model": ("MAX_TOKENS_DEFAULT", "TEMPERATURE_DEFAULT", "Model"),
    "models.anthropic_mcp_model": ("AnthropicMCPModel",),
    "models.anthropic_model": ("AnthropicModel",),
    "models.anthropic_ollama_api_model": ("AnthropicOllamaAPIModel",),
    "models.anthropic_ollama_mcp_model": ("AnthropicOllamaMCPModel",),
    "models.devstral_local_mcp_model": ("DevstralLocalMCPModel",),
    "models.devstral_local_model": ("DevstralLocalModel",),
    "models.echo_mcp_model": ("EchoMCPModel",),
    "models.fallback": ("FALL_BACK_ON", "Fallback"),
    "models.google_ai_studio_mcp_model": ("GoogleAIStudioMCPModel",),
    "models.google_ai_studio_model": ("GoogleAIStudioModel",),
    "models.mistral_api_model": ("ComplianceError", "MistralAPIModel"),
    "models.mistral_mcp_model": ("MistralMCPModel",),
    "models.ollama_mcp_model": ("OllamaMCPModel",),
    "models.ollama_model": ("OllamaModel",),
    "models.openai_mcp_model": ("OpenAIMCPModel",),
    "models.openai_model": ("OpenAIModel",),
    "models.panel": ("Panel",),
    "models.recorded": ("Recorded",),
    "options": ("CallOptions", "MCPModelOptions"),
    "server_handle": ("ServerHandle",),
    "tapes.errors": ("NotOnTapeError", "TapeError"),
    "stream": ("AsyncCompletionStream", "CompletionStream"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "FALL_BACK_ON",
    "MAX_TOKENS_DEFAULT",
    "TEMPERATURE_DEFAULT",
    "AnthropicMCPModel",
    "AnthropicModel",
    "AnthropicOllamaAPIModel",
    "AnthropicOllamaMCPModel",
    "AsyncCompletionStream",
    "Attempt",
    "CallOptions",
    "CompletionFailure",
    "CompletionResult",
    "CompletionStream",
    "CompletionSuccess",
    "ComplianceError",
    "DevstralLocalMCPModel",
    "DevstralLocalModel",
    "DirectModel",
    "EchoMCPModel",
    "ErrorType",
    "Fallback",
    "FallbackFailure",
    "FallbackResult",
    "FallbackSuccess",
    "GoogleAIStudioMCPModel",
    "GoogleAIStudioModel",
    "MCPModel",
    "MCPModelOptions",
    "MistralAPIModel",
    "MistralMCPModel",
    "Model",
    "NotOnTapeError",
    "OllamaMCPModel",
    "OllamaModel",
    "OpenAIMCPModel",
    "OpenAIModel",
    "Panel",
    "PanelAnswer",
    "PanelFailure",
    "PanelResult",
    "PanelSuccess",
    "Recorded",
    "ServerExitedError",
    "ServerHandle",
    "ServerJSONError",
    "ServerProtocolError",
    "ServerStartError",
    "ServerTimeoutError",
    "SessionError",
    "TapeError",
    "UsageResult",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
