"""Define `AnthropicOllamaAPIModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel
from mcp_models.servers.anthropic_ollama_mcp_server import VALID_MODELS
from mcp_models.servers.core.settings import RETRIES_DEFAULT, RETRIES_VARIABLE

__all__ = ["VALID_MODELS", "AnthropicOllamaAPIModel"]


class AnthropicOllamaAPIModel(DirectModel):
    """Ollama with Anthropic's protocol, called from this process.

    Args:
        model_name: One of Ollama's models. `VALID_MODELS` lists known ones, but you can use any other, too.
        base_url: Where Ollama listens, if not at ANTHROPIC_BASE_URL or on this machine.
        api_key: A token, if ANTHROPIC_AUTH_TOKEN is not set. Ollama on this machine needs none.
        max_retries: How often to retry a failed call.

    Raises:
        ValueError: An address or a token makes no sense.
        ImportError: The package `anthropic` is not installed.
    """

    provider_name = "anthropic_ollama"
    VALID_MODELS = VALID_MODELS

    def __init__(
        self,
        model_name: str = "minimax-m2.5:cloud",
        base_url: str | None = None,
        api_key: str | None = None,
        max_retries: int = RETRIES_DEFAULT,
    ) -> None:
        super().__init__(
            model_name,
            {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_AUTH_TOKEN": api_key, RETRIES_VARIABLE: str(max_retries)},
        )
