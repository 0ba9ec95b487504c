"""Owns `DevstralLocalModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel
from mcp_models.servers.devstral_local_mcp_server import ENDPOINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mcp_models.client.client_session import OnProgress
    from mcp_models.client.completion_result import CompletionResult

MAX_TOKENS_DEFAULT = 2048


class DevstralLocalModel(DirectModel):
    """The model that a llama.cpp server has loaded, in this process.

    Args:
        model_name: The model's name; llama.cpp answers for any, and a warning says if another one is loaded.
        endpoint: Where the server listens, unless DEVSTRAL_ENDPOINT says otherwise.

    Raises:
        ValueError: The endpoint is no address.
        ImportError: The package `httpx2` is not installed.
    """

    server = "devstral_local"

    def __init__(self, model_name: str = "devstral", endpoint: str = ENDPOINT) -> None:
        # The very same string was not given: then DEVSTRAL_ENDPOINT counts.
        super().__init__(model_name, {"DEVSTRAL_ENDPOINT": None if endpoint is ENDPOINT else endpoint})

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        **options: Any,
    ) -> CompletionResult:
        """As `Model.call`, with a smaller default: a local model is slow."""
        return super().call(prompt, max_tokens, temperature, system, on_progress=on_progress, **options)
