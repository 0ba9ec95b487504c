"""Owns a strict fake of Ollama's `/api/chat`; its answers are those recorded from a real Ollama server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply

TEXT = "part in into world and its"
CONTEXT = 2048

_OPTION_TYPES: dict[str, tuple[type, ...]] = {
    "temperature": (int, float),
    "top_p": (int, float),
    "num_predict": (int,),
    "seed": (int,),
    "stop": (list,),
}


class FakeOllama(Endpoint):
    """Knows the model `tiny`, which cannot think, and `thinker`, which can."""

    def check(self, request: Request) -> Reply | None:
        body = request.body
        if request.path != "/api/chat":
            return Reply(404, b"404 page not found", content_type="text/plain")
        if not body.get("model"):
            return json_reply({"error": "model is required"}, 400)
        if body["model"] not in ("tiny", "llama3.2", "thinker"):
            return json_reply({"error": f"model '{body['model']}' not found"}, 404)
        for name, value in body.get("options", {}).items():
            if not isinstance(value, _OPTION_TYPES.get(name, object)):
                return json_reply({"error": f'option "{name}" must be of type float32'}, 500)
        if body.get("think") and body["model"] != "thinker":
            return json_reply({"error": f'"{body["model"]}" does not support thinking'}, 400)
        words = sum(len(message["content"].split()) for message in body["messages"])
        if words > CONTEXT and body.get("truncate") is False:
            return json_reply({"error": json.dumps({"error": _too_long(words)})}, 400)
        return None

    def answer(self, request: Request) -> Reply:
        limit = request.body.get("options", {}).get("num_predict", 1000)
        words = TEXT.split()
        return chat(request, words[:limit], "length" if limit < len(words) else "stop")


def _too_long(words: int) -> dict[str, Any]:
    message = f"request ({words} tokens) exceeds the available context size ({CONTEXT} tokens), try increasing it"
    return {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": words, "n_ctx": CONTEXT}


def line(request: Request, content: str, **fields: Any) -> bytes:
    """One line of a streamed chat."""
    message = {"role": "assistant", "content": content, **fields.pop("message", {})}
    event = {"model": request.body["model"], "created_at": "2026-11-22T08:03:48.511612568Z", "message": message, "done": False}
    return json.dumps({**event, **fields}).encode() + b"\n"


def last_line(request: Request, done_reason: str, count: int) -> bytes:
    """The line that ends a chat, with its counts."""
    counts = {"total_duration": 270887441, "prompt_eval_count": 25, "prompt_eval_duration": 1925000, "eval_count": count}
    return line(request, "", done=True, done_reason=done_reason, **counts)


def chat(request: Request, words: list[str], done_reason: str) -> Reply:
    """A whole streamed chat."""
    pieces = [line(request, f" {word}") for word in words]
    return ndjson([*pieces, last_line(request, done_reason, len(words))])


def ndjson(chunks: list[bytes] | Iterator[bytes], **options: Any) -> Reply:
    """A streamed answer."""
    return Reply(chunks=chunks, content_type="application/x-ndjson", **options)
