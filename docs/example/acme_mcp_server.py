"""Serve the models of Acme, a provider that does not exist: the example in CONTRIBUTING.md.

Acme answers `POST /v1/answers` with a JSON object a line: pieces of text and of thinking, then why it ended and the counts.
"""

from __future__ import annotations

import json

from mcp_models.servers import core
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    import httpx2

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, Message, StopReason
    from mcp_models.servers.core.provider import OnText

ADDRESS = "https://api.acme.example"


class Acme(Provider):
    """Acme's API, with ACME_API_KEY."""

    name = "acme"
    title = "Acme AI"
    summary = "Its models are an example."
    setup = "set ACME_API_KEY"
    key_variables = ("ACME_API_KEY",)
    default_model = "rocket-1"
    parameters = frozenset({"temperature", "top_p", "stop"})
    package = "httpx2"
    extra = "http"

    def check(self) -> None:
        settings.key(self.env, "ACME_API_KEY", "get one from Acme.")

    def connect(self) -> httpx2.AsyncClient:
        key = settings.key(self.env, "ACME_API_KEY", "get one from Acme.")
        return core.http.new_client(self._address(), headers={"Authorization": f"Bearer {key}"})

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Return one streamed answer."""
        client: httpx2.AsyncClient = await self.client()
        address, answer = self._address(), Answer()
        with core.http.map_transport_errors(address):
            async with client.stream("POST", f"{address}/v1/answers", json=payload(request)) as response:
                if response.status_code != 200:
                    raise _failure(response, await response.aread())
                async for line in response.aiter_lines():
                    if text := answer.add(json.loads(line)):
                        on_text(text)
        return answer.completion("api_key")

    async def list_models(self) -> list[ModelInfo]:
        """Return Acme's models."""
        client: httpx2.AsyncClient = await self.client()
        address = self._address()
        with core.http.map_transport_errors(address):
            body = await core.http.get_json(client, f"{address}/v1/models")
            return [core.catalogue.ModelInfo(id=model["id"]) for model in body["models"]]

    def _address(self) -> str:
        return settings.base_url(self.env, "ACME_BASE_URL", ADDRESS)


class Answer(StreamAccumulator):
    """Collect the lines of an answer."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {"end": "end_turn", "limit": "max_tokens"}

    def add(self, line: dict[str, Any]) -> str:
        """Take in a line and return the text that it brings."""
        self.texts.append(line.get("text", ""))
        self.thoughts.append(line.get("thought", ""))
        if "end" in line:
            self.native_stop_reason, self.model = line["end"], line["model"]
            self.usage = core.completion.Usage(input_tokens=line["read"], output_tokens=line["written"])
        return self.texts[-1]


def payload(request: CompletionRequest) -> dict[str, Any]:
    """Return a request in Acme's terms, without what is not given."""
    body = {
        "model": request.model,
        "turns": [_turn(turn) for turn in request.turns],
        "system": request.system,
        "limit": request.limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
    }
    return {name: value for name, value in body.items() if value is not None}


def _turn(turn: Message) -> dict[str, Any]:
    parts = [] if isinstance(turn.content, str) else turn.content
    images = [core.http.data_uri(part.url, "Acme")[1] for part in parts if isinstance(part, core.completion.ImagePart)]
    return {"role": turn.role, "text": turn.text, "images": images}


def _failure(response: httpx2.Response, body: bytes) -> errors.CompletionError:
    """Return the error for a refusal; the status decides, where Acme does not say more."""
    known = {b"too_long": errors.ContextLengthError, b"no_such_model": errors.ModelNotFoundError}
    cls = next((cls for word, cls in known.items() if word in body[:1000]), None)
    return core.http.from_response(response, core.http.quote(body), cls)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(Acme())


if __name__ == "__main__":
    main()
