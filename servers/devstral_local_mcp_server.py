"""Serve Devstral on this machine, or whatever model the llama.cpp server at DEVSTRAL_ENDPOINT has loaded.

You can start a llama.cpp server with `devstral_server.sh`.
Sources: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, and answers from a real server.
"""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import chat, errors, settings
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.core.stream_accumulator import StreamAccumulator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    import httpx2

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, StopReason, Usage
    from mcp_models.servers.core.provider import OnText

ENDPOINT = "http://127.0.0.1:8080"
CURE = (
    "llama.cpp server not responding: start it with `bash devstral_server.sh MODEL.gguf`, or set DEVSTRAL_ENDPOINT "
    "(newer `llama-server`s listen on http://127.0.0.1:9931 by default)."
)


class DevstralLocal(Provider):
    """A llama.cpp server, with DEVSTRAL_API_KEY if it was started with one."""

    name = "devstral_local"
    title = "Devstral (local)"
    summary = "It is the model that a llama.cpp server on this machine has loaded, made for Devstral, a model for code."
    setup = "start llama.cpp's server (`bash devstral_server.sh MODEL.gguf`)"
    key_variables = ("DEVSTRAL_API_KEY",)
    default_model = "devstral"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    native_names = {"response_format": "response_schema"}
    package = "httpx2"
    extra = "http"

    def check(self) -> None:
        self._endpoint()

    def configured(self) -> bool:
        """Return whether DEVSTRAL_ENDPOINT is set. Checking port 8080 would not do, as anything may listen there."""
        return bool(self.env.get("DEVSTRAL_ENDPOINT"))

    def address(self) -> str:
        return self._endpoint()

    def may_charge(self) -> bool:
        return False  # wherever it runs

    def connect(self) -> httpx2.AsyncClient:
        key = self.env.get("DEVSTRAL_API_KEY") and settings.key(self.env, "DEVSTRAL_API_KEY", "")
        return core.http.new_client(self._endpoint(), headers={"Authorization": f"Bearer {key}"} if key else None)

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed chat completion."""
        client: httpx2.AsyncClient = await self.client()
        endpoint = self._endpoint()
        answer = ChatAnswer()
        with core.http.map_transport_errors(endpoint, CURE):
            async with client.stream("POST", f"{endpoint}/v1/chat/completions", json=payload(request)) as response:
                if response.status_code != 200:
                    raise _failure(response, await response.aread())
                async for event in core.http.events(response):
                    if text := answer.add(event):
                        on_text(text)
            return answer.completion("api_key" if self.env.get("DEVSTRAL_API_KEY") else "none")

    async def list_models(self) -> list[ModelInfo]:
        """Return the model that is loaded."""
        client: httpx2.AsyncClient = await self.client()
        endpoint = self._endpoint()
        with core.http.map_transport_errors(endpoint, CURE):
            body = await core.http.get_json(client, f"{endpoint}/v1/models")
            return [
                core.catalogue.ModelInfo(id=model["id"], context_tokens=(model.get("meta") or {}).get("n_ctx"))
                for model in body["data"]
            ]

    def _endpoint(self) -> str:
        return settings.base_url(self.env, "DEVSTRAL_ENDPOINT", ENDPOINT)


def payload(request: CompletionRequest) -> dict[str, Any]:
    """Translate a request for llama.cpp's chat completions.

    The effort `none` turns thinking off. Any other effort is passed to the model's chat template, which may ignore it.
    """
    schema = request.response_schema
    payload = {
        "model": request.model,
        "messages": chat.messages(request),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
        "reasoning_effort": request.reasoning_effort,
        "response_format": None if schema is None else _response_format(schema),
    }
    return {name: value for name, value in payload.items() if value is not None}


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "answer", "schema": chat.grammar_schema(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}


class ChatAnswer(StreamAccumulator):
    """Collect the events of a streamed chat completion."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = chat.STOP_REASONS

    def add(self, event: dict[str, Any]) -> str:
        """Add an event and return the text in it.

        Raises:
            ProviderError: The event is an error.
        """
        if "error" in event:
            raise errors.ProviderError(f"the model failed while it answered: {core.http.quote(event)}.", retryable=True)
        self.model, self.request_id = event.get("model") or self.model, event.get("id") or self.request_id
        self.usage = _usage(event["usage"]) if event.get("usage") else self.usage
        for choice in event["choices"][:1]:
            self.native_stop_reason = choice.get("finish_reason") or self.native_stop_reason
            self.thoughts.append(choice["delta"].get("reasoning_content") or "")
            self.texts.append(choice["delta"].get("content") or "")  # null in the first event
            return self.texts[-1]
        return ""


def _usage(usage: dict[str, Any]) -> Usage:
    return core.completion.Usage(
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        cache_read_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
    )


def _failure(response: httpx2.Response, body: bytes) -> errors.CompletionError:
    said = core.http.quote(body)
    if b"exceed_context_size_error" in body:
        return core.http.from_response(response, said, errors.ContextLengthError)
    if response.status_code == 503 and b"Loading model" in body:
        return core.http.from_response(response, "the model is still being loaded", retry_until_deadline=True)
    return core.http.from_response(response, said)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(DevstralLocal())


if __name__ == "__main__":
    main()
