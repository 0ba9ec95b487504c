"""Define `DevstralLocalModel`."""

from __future__ import annotations

from mcp_models.client.direct_model import DirectModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.options import CallOptions
    from mcp_models.client.pending_requests import OnProgress

MAX_TOKENS_DEFAULT = 2048


class DevstralLocalModel(DirectModel):
    """The model that a llama.cpp server has loaded, called from this process.

    Args:
        model_name: The model's name. llama.cpp accepts any name; you get a warning if a different model is loaded.
        endpoint: Where the server listens. None means DEVSTRAL_ENDPOINT or http://127.0.0.1:8080.

    Raises:
        ValueError: The endpoint is not an address.
        ImportError: The package `httpx2` is not installed.
    """

    provider_name = "devstral_local"

    def __init__(self, model_name: str = "devstral", endpoint: str | None = None) -> None:
        super().__init__(model_name, {"DEVSTRAL_ENDPOINT": endpoint})

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> CompletionResult:
        """Ask the model as `Model.call` does. The default for `max_tokens` is smaller, because local models are slow."""
        return super().call(prompt, max_tokens, temperature, system, on_progress=on_progress, **options)
