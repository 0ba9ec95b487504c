"""Define `OllamaModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel


class OllamaModel(DirectModel):
    """Ollama, called from this process.

    Args:
        model: One of Ollama's models. None means the default.
        host: Where Ollama listens, if not at OLLAMA_HOST or on this machine.
        api_key: A key for Ollama's cloud, if OLLAMA_API_KEY is not set.

    Raises:
        ValueError: The address makes no sense.
        ImportError: The package `httpx2` is not installed.
    """

    provider_name = "ollama"

    def __init__(self, model: str | None = None, host: str | None = None, api_key: str | None = None) -> None:
        super().__init__(model, {"OLLAMA_HOST": host, "OLLAMA_API_KEY": api_key})
