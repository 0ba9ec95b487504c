"""Define `AnthropicModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel
from mcp_models.servers.anthropic_mcp_server import MODEL_ALIASES

__all__ = ["MODEL_ALIASES", "AnthropicModel"]


class AnthropicModel(DirectModel):
    """Claude with an API key, called from this process.

    Args:
        model: Anthropic's name of a model, or `haiku`, `sonnet` or `opus`.
        api_key: A key, if ANTHROPIC_API_KEY is not set.

    Raises:
        ValueError: No key is set.
        ImportError: The package `anthropic` is not installed.
    """

    provider_name = "anthropic"
    MODEL_ALIASES = MODEL_ALIASES

    def __init__(self, model: str = "haiku", api_key: str | None = None) -> None:
        super().__init__(model, {"ANTHROPIC_API_KEY": api_key})
