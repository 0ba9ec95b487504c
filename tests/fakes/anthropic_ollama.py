"""Fake Ollama's `/v1/messages`, with answers that were recorded from a real Ollama server."""

from __future__ import annotations

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply, Request, json_reply


class FakeAnthropicOllama(FakeAnthropic):
    """Ignore the token and the API's version, and know the model `tiny`."""

    provider = "anthropic_ollama"
    model = "tiny"
    picky_model = None
    lacks = frozenset({"seed", "response_schema"})

    def environment(self) -> dict[str, str]:
        return {"ANTHROPIC_AUTH_TOKEN": "ollama", "ANTHROPIC_BASE_URL": self.url}

    def check(self, request: Request) -> Reply | None:
        if request.method == "GET":
            return None if request.path == "/api/tags" else Reply(404, b"404 page not found", content_type="text/plain")
        if request.path != "/v1/messages":
            return Reply(404, b"404 page not found", content_type="text/plain")
        if request.body.get("max_tokens", 0) <= 0:
            return self.error(400, "max_tokens is required and must be positive")
        return None

    def unknown_model(self) -> Reply:
        return self.error(404, "model 'nope' not found")

    def refusals(self) -> list[tuple[Reply, str]]:
        return []

    def too_long(self) -> Reply:
        """Return an answer for which only 20 tokens of the prompt were read, as Ollama cuts the prompt and answers."""
        return self.text(None, "Hello")

    def models(self, request: Request) -> Reply:
        return json_reply({"models": [{"name": "tiny:latest", "model": "tiny:latest", "details": {"context_length": 2048}}]})
