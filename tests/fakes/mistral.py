"""Fake Mistral's chat API, with strict checks. The shapes follow https://docs.mistral.ai/api/endpoint/chat."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen

_FIELDS = {
    *("model", "messages", "max_tokens", "temperature", "top_p", "stop", "random_seed", "reasoning_effort"),
    *("response_format", "stream", "service_tier", "prompt_cache_key"),
}
_FINISH = {"end_turn": "stop", "max_tokens": "length"}


class FakeMistral(FakeProvider):
    """Refuse what Mistral refuses: a temperature above 1.5, and top_p with greedy sampling."""

    provider = "mistral"
    model = "mistral-medium-latest"
    low_effort = "high"
    lists_limits = True
    key = "made-up-mistral-key-0123"

    def environment(self) -> dict[str, str]:
        return {"MISTRAL_API_KEY": self.key, "MISTRAL_BASE_URL": f"{self.url}/v1"}

    def check(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return json_reply({"detail": "Unauthorized"}, 401)
        if request.method == "GET":
            return None if request.path == "/v1/models" else self.error(404, "no Route matched with those values")
        if not request.path.startswith("/v1/chat/completions"):
            return self.error(404, "no Route matched with those values")
        body = request.body
        for name in ("model", "messages"):
            if name not in body:
                return self.invalid(name, "Field required")
        for name in body.keys() - _FIELDS:
            return self.invalid(name, "Extra inputs are not permitted")
        if (body.get("temperature") or 0) > 1.5:
            return self.invalid("temperature", "Input should be less than or equal to 1.5")
        if body.get("temperature") == 0 and body.get("top_p", 1) != 1:
            return self.error(400, "top_p must be 1 when using greedy sampling.")
        return None

    def invalid(self, name: str, message: str) -> Reply:
        """Return a 422 in the form of the API's framework."""
        return json_reply({"detail": [{"type": "value_error", "loc": ["body", name], "msg": message, "input": 1}]}, 422)

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        model = request.body["model"] if request else self.model
        usage = {
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 5},
            "service_tier": "priority" if request and request.body.get("service_tier") == "auto" else "standard",
        }
        last = _chunk(model, "", _FINISH.get(stop, stop), usage=usage)
        return self._stream([*(_chunk(model, piece) for piece in pieces), last, b"data: [DONE]\n\n"])

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(_chunk(self.model, "tick"))

    def half(self) -> list[bytes]:
        return [_chunk(self.model, "Half an")]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        body = {"object": "error", "message": message, "type": "error", "param": None, "code": "1000"}
        return json_reply(body, status, x_request_id="req_fake", **headers)

    def too_long(self) -> Reply:
        message = "Prompt contains 300000 tokens, too large for model with 262144 maximum context length"
        return self.error(400, message)

    def unknown_model(self) -> Reply:
        return json_reply({"object": "error", "message": "Invalid model: nope", "type": "invalid_model", "code": "1500"}, 400)

    def refusals(self) -> list[tuple[Reply, str]]:
        return []

    def only_thinking(self) -> Reply:
        thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}]
        return self._stream([_chunk(self.model, thought), _chunk(self.model, "", "length"), b"data: [DONE]\n\n"])

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking, in chunks of content."""
        chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}, {"type": "text", "text": text}]
        return self._stream([_chunk(self.model, chunks), _chunk(self.model, "", "stop"), b"data: [DONE]\n\n"])

    def models(self, request: Request) -> Reply:
        capabilities = {"completion_chat": True}
        rows = [
            {"id": name, "object": "model", "capabilities": capabilities, "max_context_length": 131072, "deprecation": date}
            for name, date in ((self.model, None), ("codestral-2508", "2027-03-31T12:00:00Z"))
        ]
        return json_reply({"object": "list", "data": [{**row, "type": "base"} for row in rows]})

    def seen(self, request: Request) -> Seen:
        body = request.body
        turns: list[tuple[str, str]] = []
        images: list[str] = []
        for message in body["messages"]:
            content = message["content"]
            parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
            turns.append((message["role"], "".join(part["text"] for part in parts if part["type"] == "text")))
            images += [part["image_url"]["url"].split(",")[1] for part in parts if part["type"] == "image_url"]
        system = turns.pop(0)[1] if turns[0][0] == "system" else None
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        return Seen(
            model=body["model"],
            turns=turns,
            images=images,
            system=system,
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop=body.get("stop"),
            seed=body.get("random_seed"),
            reasoning_effort=body.get("reasoning_effort"),
            response_schema=schema,
        )

    def _stream(self, chunks: list[bytes], **headers: str) -> Reply:
        return Reply(chunks=chunks, content_type="text/event-stream", headers={"x-request-id": "req_fake", **headers})


def _chunk(model: str, content: Any, finish_reason: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice], **fields}
    return f"data: {json.dumps(chunk)}\n\n".encode()
