"""Define `GoogleAIStudioModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel


class GoogleAIStudioModel(DirectModel):
    """Gemini with an API key, called from this process.

    Args:
        model: Google's name of a model. None means the default.
        api_key: A key, if neither GOOGLE_API_KEY nor GEMINI_API_KEY is set.

    Raises:
        ValueError: No key is set.
        ImportError: The package `httpx2` is not installed.
    """

    provider_name = "google_ai_studio"

    def __init__(self, model: str | None = None, api_key: str | None = None) -> None:
        super().__init__(model, {"GOOGLE_API_KEY": api_key})
