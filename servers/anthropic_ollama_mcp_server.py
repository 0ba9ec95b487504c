"""Serve Ollama through Anthropic's protocol: the Anthropic adapter against Ollama's `/v1/messages`.

Source: https://docs.ollama.com/api/anthropic-compatibility, and answers recorded from a real Ollama.
"""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.anthropic_mcp_server import Anthropic
from mcp_models.servers.anthropic_thinking import Thinking
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.ollama_mcp_server import tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.provider import OnText

BASE_URL = "http://localhost:11434"
LOCAL_TOKEN = "ollama"

VALID_MODELS = (
    "devstral-2:123b-cloud",
    "gemini-3-flash-preview:cloud",
    "gpt-oss:120b-cloud",
    "minimax-m2.5:cloud",
    "mistral-large-3:675b-cloud",
)
"""Known names; any other is tried, and Ollama's own answer decides."""

# Retired in July 2026. Source: https://docs.ollama.com/cloud/model-lifecycle.
SUCCESSORS = {
    "devstral-2:123b-cloud": "mistral-large-3:675b-cloud",
    "gemini-3-flash-preview:cloud": "minimax-m3:cloud",
    "minimax-m2.5:cloud": "minimax-m2.7:cloud",
}


class AnthropicOllama(Anthropic):
    """Ollama at ANTHROPIC_BASE_URL, with ANTHROPIC_AUTH_TOKEN where it is the cloud."""

    name = "anthropic_ollama"
    title = "Ollama (Anthropic protocol)"
    summary = "Its models run on this machine or in Ollama's cloud."
    setup = "start Ollama (`ollama serve`) and set ANTHROPIC_BASE_URL=http://localhost:11434, ANTHROPIC_AUTH_TOKEN=ollama"
    key_variables = ("ANTHROPIC_AUTH_TOKEN",)
    default_model = "minimax-m2.7:cloud"
    aliases = {name: name for name in VALID_MODELS}
    successors = SUCCESSORS
    parameters = frozenset({"temperature", "top_p", "stop", "reasoning_effort"})
    price_list = None
    takes_image_urls = False

    def auth_mode(self) -> str:
        """`none` for an Ollama of this machine, which ignores the token."""
        return "none" if self._key() == LOCAL_TOKEN else "api_key"

    def configured(self) -> bool:
        """Return whether the token is set: the address alone may be meant for Anthropic's own."""
        return bool(self.env.get("ANTHROPIC_AUTH_TOKEN"))

    def takes_temperature(self, model: str) -> bool:  # noqa: ARG002
        return True

    def thinking(self, model: str) -> Thinking:  # noqa: ARG002
        """Any model that can think takes these; one that cannot refuses them by name (https://docs.ollama.com/api/chat)."""
        return Thinking(("none", "low", "medium", "high", "max"), off="disabled", sends_effort=("low", "medium", "high", "max"))

    def connect(self) -> AsyncAnthropic:
        client = super().connect()
        client._custom_headers = {}  # ANTHROPIC_CUSTOM_HEADERS may hold credentials, and they are not for Ollama
        return client

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Return one streamed message, if Ollama has read the whole prompt.

        Raises:
            ContextLengthError: It read fewer tokens than the prompt must have, and so has cut it without a word.
        """
        completion = await super().complete(request, on_text)
        prompt = " ".join([request.system or "", *(turn.text for turn in request.turns)])
        read, least = completion.usage.input_tokens, least_tokens(prompt)
        if 0 < read < least:
            raise errors.ContextLengthError(
                f"Ollama read only {read} tokens of a prompt of at least {least}: raise OLLAMA_CONTEXT_LENGTH where it runs."
            )
        return completion

    async def list_models(self) -> list[ModelInfo]:
        """Return the models in Ollama's own `/api/tags`."""
        base = self._base_url()
        client: AsyncAnthropic = await self.client()
        with core.http.map_transport_errors(base, self.setup):
            headers = {"Authorization": f"Bearer {self._key()}"}
            return tags(await core.http.get_json(client._client, f"{base}/api/tags", headers))

    def _key(self) -> str:
        base = self._base_url()
        in_the_clear = not (base.startswith("https://") or settings.is_loopback(base))
        if in_the_clear or not self.env.get("ANTHROPIC_AUTH_TOKEN", "").strip():
            return LOCAL_TOKEN
        return settings.key(self.env, "ANTHROPIC_AUTH_TOKEN", f"{self.setup}.")

    def _base_url(self) -> str:
        return settings.base_url(self.env, "ANTHROPIC_BASE_URL", BASE_URL)


def least_tokens(text: str) -> int:
    """Fewer tokens than this no tokenizer makes of a text: one a word, one for 24 letters, one for 4 of another script."""
    ascii_letters = sum(character.isascii() for character in text)
    return max(len(text.split()), ascii_letters // 24 + (len(text) - ascii_letters) // 4)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(AnthropicOllama())


if __name__ == "__main__":
    main()
