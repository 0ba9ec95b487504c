"""Define `OpenAIModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel


class OpenAIModel(DirectModel):
    """OpenAI with an API key, called from this process.

    Args:
        model: OpenAI's name of a model. None means the default.
        api_key: A key, if OPENAI_API_KEY is not set.
        base_url: Another server with the same API, if OPENAI_BASE_URL is not set.

    Raises:
        ValueError: No key is set.
        ImportError: The package `openai` is not installed.
    """

    provider_name = "openai"

    def __init__(self, model: str | None = None, api_key: str | None = None, base_url: str | None = None) -> None:
        super().__init__(model, {"OPENAI_API_KEY": api_key, "OPENAI_BASE_URL": base_url})
