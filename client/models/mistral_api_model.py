"""Define `MistralAPIModel` and its `ComplianceError`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel
from mcp_models.servers.mistral_mcp_server import MODEL_ALIASES

__all__ = ["MODEL_ALIASES", "ComplianceError", "MistralAPIModel"]


class ComplianceError(ValueError):
    """No key for La Plateforme is set. A Le Chat Pro subscription may not be used instead."""


class MistralAPIModel(DirectModel):
    """Mistral with an API key, called from this process.

    Args:
        model: Mistral's name of a model, or `small`, `medium`, `mini`, `code` or `devstral`.
        api_key: A key, if MISTRAL_API_KEY is not set.
        base_url: The API's address. None means MISTRAL_BASE_URL or https://api.mistral.ai.

    Raises:
        ComplianceError: No key is set.
        ImportError: The package `mistralai` is not installed.
    """

    provider_name = "mistral"
    missing_key = ComplianceError
    MODEL_ALIASES = MODEL_ALIASES

    def __init__(self, model: str = "small", api_key: str | None = None, base_url: str | None = None) -> None:
        super().__init__(model, {"MISTRAL_API_KEY": api_key, "MISTRAL_BASE_URL": base_url})
