"""Serve Ollama with Anthropic's protocol, using the Anthropic adapter with Ollama's `/v1/messages`.

Sources: https://docs.ollama.com/api/anthropic-compatibility, and answers recorded from a real Ollama.
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
"""Known names. You can use any other, too: Ollama decides whether it exists."""

# These were retired in July 2026. Source: https://docs.ollama.com/cloud/model-lifecycle.
SUCCESSORS = {
    "devstral-2:123b-cloud": "mistral-large-3:675b-cloud",
    "gemini-3-flash-preview:cloud": "minimax-m3:cloud",
    "minimax-m2.5:cloud": "minimax-m2.7:cloud",
}


class AnthropicOllama(Anthropic):
    """Ollama at ANTHROPIC_BASE_URL, with ANTHROPIC_AUTH_TOKEN for Ollama's cloud."""

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
    service_tiers = {}
    takes_documents = False
    most_searches = None
    takes_urls = False

    def auth_mode(self) -> str:
        """Return `none` for Ollama on this machine, which ignores the token."""
        return "none" if self._key() == LOCAL_TOKEN else "api_key"

    def may_charge(self) -> bool:
        """Return whether a token for Ollama's cloud is set."""
        return self.auth_mode() == "api_key"

    def configured(self) -> bool:
        """Return whether the token is set. The address alone is not enough, as it may be meant for Anthropic's own server."""
        return bool(self.env.get("ANTHROPIC_AUTH_TOKEN"))

    def takes_temperature(self, model: str) -> bool:  # noqa: ARG002
        return True

    def thinking(self, model: str) -> Thinking:  # noqa: ARG002
        """Return the same for every model. One that cannot think refuses these by name (https://docs.ollama.com/api/chat)."""
        return Thinking(("none", "low", "medium", "high", "max"), off="disabled", sends_effort=("low", "medium", "high", "max"))

    def connect(self) -> AsyncAnthropic:
        client = super().connect()
        client._custom_headers = {}  # ANTHROPIC_CUSTOM_HEADERS may hold credentials that Ollama must not see
        return client

    def searches_web(self) -> bool:
        """Return False: Ollama's `/v1/messages` has no tools of the server."""
        return False

    def batch_jobs(self) -> None:
        """Return None: Ollama has no Batch API."""

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed message, and check that Ollama has read the whole prompt.

        Raises:
            ContextLengthError: Ollama silently cut the prompt: it read fewer tokens than the prompt must have.
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
        """Return the models that Ollama's own `/api/tags` lists."""
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
    """Return a lower bound for a text's tokens: one per word, or one per 24 ASCII characters and one per 4 others."""
    ascii_letters = sum(character.isascii() for character in text)
    return max(len(text.split()), ascii_letters // 24 + (len(text) - ascii_letters) // 4)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(AnthropicOllama())


if __name__ == "__main__":
    main()
