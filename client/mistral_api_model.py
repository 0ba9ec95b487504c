"""Owns `MistralAPIModel` and its `ComplianceError`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel
from mcp_models.servers.mistral_mcp_server import BASE_URL, MODEL_ALIASES

DEFAULT_URL = f"{BASE_URL}/v1"

__all__ = ["MODEL_ALIASES", "ComplianceError", "MistralAPIModel"]


class ComplianceError(ValueError):
    """No key of La Plateforme is set; a Le Chat Pro subscription may not be used instead."""


class MistralAPIModel(DirectModel):
    """Mistral on an API key, in this process.

    Args:
        model: A name of Mistral's, or `small`, `medium`, `mini`, `code`, `devstral`.
        api_key: A key, if none stands in MISTRAL_API_KEY.
        base_url: Where the API is, unless MISTRAL_BASE_URL says otherwise.

    Raises:
        ComplianceError: No key is set.
        ImportError: The package `mistralai` is not installed.
    """

    server = "mistral"
    missing_key = ComplianceError
    MODEL_ALIASES = MODEL_ALIASES

    def __init__(self, model: str = "small", api_key: str | None = None, base_url: str = DEFAULT_URL) -> None:
        # The very same string was not given: then MISTRAL_BASE_URL counts.
        given = None if base_url is DEFAULT_URL else base_url
        super().__init__(model, {"MISTRAL_API_KEY": api_key, "MISTRAL_BASE_URL": given})
