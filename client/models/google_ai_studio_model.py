"""Define `GoogleAIStudioModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel


class GoogleAIStudioModel(DirectModel):
    """Gemini on an API key, in this process.

    Args:
        model: A name of Google's; None means the default.
        api_key: A key, if none stands in GOOGLE_API_KEY or GEMINI_API_KEY.

    Raises:
        ValueError: No key is set.
        ImportError: The package `httpx2` is not installed.
    """

    provider_name = "google_ai_studio"

    def __init__(self, model: str | None = None, api_key: str | None = None) -> None:
        super().__init__(model, {"GOOGLE_API_KEY": api_key})
