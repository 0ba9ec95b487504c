"""Serve Ollama's local and cloud models through its own `/api/chat`.

We do not use the official client, because it reads any local file whose path is in `images`, and because it needs a second
HTTP library. Source of the fields: https://docs.ollama.com/api/chat.
"""

from __future__ import annotations

import json

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
    from mcp_models.servers.core.completion import Completion, CompletionRequest, Message, ReasoningEffort, StopReason
    from mcp_models.servers.core.provider import OnText

DEFAULT_HOST = "http://localhost:11434"
DEFAULT_PORT = 11434
CURE = "Start Ollama (`ollama serve`), or set OLLAMA_HOST to its address."

# gpt-oss always thinks, and "max" is the same as "high" for it. Source: https://docs.ollama.com/api/chat.
_EFFORTS: tuple[ReasoningEffort, ...] = ("none", "low", "medium", "high", "max")
_EFFORTS_OF_GPT_OSS: tuple[ReasoningEffort, ...] = ("low", "medium", "high")


class Ollama(Provider):
    """Ollama at OLLAMA_HOST, with OLLAMA_API_KEY for Ollama's cloud."""

    name = "ollama"
    title = "Ollama"
    summary = "Its models run on this machine or in Ollama's cloud."
    default_model = "llama3.2"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})
    package = "httpx2"
    extra = "http"
    native_names = {"think": "reasoning_effort", "thinking": "reasoning_effort", "format": "response_schema"}
    setup = "start Ollama (`ollama serve`) and pull a model (`ollama pull llama3.2`)"
    key_variables = ("OLLAMA_API_KEY",)

    def check(self) -> None:
        self._base_url()

    def configured(self) -> bool:
        return bool(self.env.get("OLLAMA_HOST"))

    def running(self) -> bool:
        """Return whether something listens on Ollama's port on this machine."""
        import socket

        try:
            socket.create_connection(("127.0.0.1", DEFAULT_PORT), timeout=0.2).close()
        except OSError:
            return False
        return True

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return _EFFORTS_OF_GPT_OSS if model.startswith("gpt-oss") else _EFFORTS

    def address(self) -> str:
        return self._base_url()

    def may_charge(self) -> bool:
        """Return whether there is a key, for Ollama's cloud."""
        return bool(self._headers(self._base_url()))

    def connect(self) -> httpx2.AsyncClient:
        base = self._base_url()
        return core.http.new_client(base, headers=self._headers(base))

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed chat."""
        client: httpx2.AsyncClient = await self.client()
        base = self._base_url()
        with core.http.map_transport_errors(base, CURE):
            async with client.stream("POST", f"{base}/api/chat", json=payload(request)) as response:
                if response.status_code != 200:
                    raise _failure(response, await response.aread(), request)
                answer = ChatAnswer()
                async for line in response.aiter_lines():
                    if not line.strip():
                        continue
                    event = json.loads(line)
                    if "error" in event:  # Ollama reports a failure in mid-stream as a line, with HTTP 200
                        raise _failure(response, line, request)
                    if text := answer.add(event):
                        on_text(text)
            return answer.completion("api_key" if self._headers(base) else "none")

    async def list_models(self) -> list[ModelInfo]:
        """Return the models in Ollama's `/api/tags`, which are those that you have pulled."""
        base = self._base_url()
        client: httpx2.AsyncClient = await self.client()
        with core.http.map_transport_errors(base, CURE):
            return tags(await core.http.get_json(client, f"{base}/api/tags"))

    def _base_url(self) -> str:
        """Return the address from OLLAMA_HOST. As in Ollama, it may be `host`, `host:port`, `:port`, `[::1]` or a URL."""
        from urllib.parse import urlsplit

        host = self.env.get("OLLAMA_HOST", "").strip() or DEFAULT_HOST
        if "://" in host:
            return settings.provider_url(self.env, host.replace("//0.0.0.0:", "//127.0.0.1:"), "OLLAMA_HOST")
        host = host.rstrip("/")
        if host.count(":") > 1 and not host.startswith("["):
            host = f"[{host}]"
        checked = settings.checked_url(f"http://{'127.0.0.1' if host.startswith(':') else ''}{host}", "OLLAMA_HOST")
        url = urlsplit(checked)
        name = "127.0.0.1" if url.hostname == "0.0.0.0" else f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname
        return settings.provider_url(self.env, f"http://{name}:{url.port or DEFAULT_PORT}{url.path}", "OLLAMA_HOST")

    def _headers(self, base: str) -> dict[str, str]:
        """Return the headers. The key is only included if the address is encrypted or on this machine.

        This holds even if MCP_MODELS_ALLOW_HTTP lets prompts go elsewhere.
        """
        if self.env.get("OLLAMA_API_KEY") and (base.startswith("https://") or settings.is_loopback(base)):
            key = settings.key(self.env, "OLLAMA_API_KEY", "get one at https://ollama.com/settings/keys.")
            return {"Authorization": f"Bearer {key}"}
        return {}


def tags(body: dict[str, Any]) -> list[ModelInfo]:
    """Return the models in an answer of `/api/tags`."""
    return [
        core.catalogue.ModelInfo(
            id=model["name"].removesuffix(":latest"), context_tokens=model.get("details", {}).get("context_length")
        )
        for model in body["models"]
    ]


class ChatAnswer(StreamAccumulator):
    """Collect the lines of a streamed chat."""

    stop_reasons: ClassVar[Mapping[str, StopReason]] = {"stop": "end_turn", "length": "max_tokens"}

    def add(self, event: dict[str, Any]) -> str:
        """Add a line and return the text in it."""
        message = event["message"]
        self.model = event["model"]
        self.thoughts.append(message.get("thinking") or "")
        self.texts.append(message.get("content") or "")
        if event["done"]:
            self.native_stop_reason = event.get("done_reason") or "unknown"
            self.usage = core.completion.Usage(
                input_tokens=event.get("prompt_eval_count", 0), output_tokens=event.get("eval_count", 0)
            )
        return self.texts[-1]


def payload(request: CompletionRequest) -> dict[str, Any]:
    """Translate a request for Ollama.

    With `truncate: false`, a prompt that does not fit is an error. With `shift: false`, an answer ends when the context is
    full. Otherwise Ollama would silently cut the prompt, or forget the beginning of the context.
    """
    options = {
        "num_predict": request.limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
    }
    system = [{"role": "system", "content": request.system}] if request.system is not None else []
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [*system, *map(_message, request.turns)],
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": {name: value for name, value in options.items() if value is not None},
    }
    if request.reasoning_effort is not None:
        body["think"] = request.reasoning_effort if request.reasoning_effort != "none" else False
    if request.response_schema is not None:
        body["format"] = chat.grammar_schema(request.response_schema)
    return body


def _message(turn: Message) -> dict[str, Any]:
    if isinstance(turn.content, str):
        return {"role": turn.role, "content": turn.content}
    images = [core.http.data_uri(part.url, "Ollama")[1] for part in turn.content if isinstance(part, core.completion.ImagePart)]
    return {"role": turn.role, "content": turn.text, **({"images": images} if images else {})}


def _failure(response: httpx2.Response, body: bytes | str, request: CompletionRequest) -> errors.CompletionError:
    said = core.http.quote(body)
    status = response.status_code
    if "exceed" in said and "context" in said:
        said = f"{said.rstrip('.')}; OLLAMA_CONTEXT_LENGTH sets the limit where Ollama runs"
        return core.http.from_response(response, said, errors.ContextLengthError)
    if status == 404 and said.startswith("model"):
        return core.http.from_response(response, f"{said}; `ollama pull {request.model}` fetches it", errors.ModelNotFoundError)
    if status == 200:
        return errors.ProviderError(f"the model failed while it answered: {said}.", status=status, retryable=True)
    return core.http.from_response(response, said)


def main() -> None:
    """Serve on stdin and stdout."""
    serve(Ollama())


if __name__ == "__main__":
    main()
