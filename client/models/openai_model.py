"""Define `OpenAIModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel


class OpenAIModel(DirectModel):
    """OpenAI on an API key, in this process.

    Args:
        model: A name of OpenAI's; None means the default.
        api_key: A key, if none stands in OPENAI_API_KEY.
        base_url: Another server that speaks its API, if OPENAI_BASE_URL names none.

    Raises:
        ValueError: No key is set.
        ImportError: The package `openai` is not installed.
    """

    provider_name = "openai"

    def __init__(self, model: str | None = None, api_key: str | None = None, base_url: str | None = None) -> None:
        super().__init__(model, {"OPENAI_API_KEY": api_key, "OPENAI_BASE_URL": base_url})
