"""Fake Ollama's `/api/chat`, with strict checks, and with answers recorded from a real Ollama server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen

TEXT = "part in into world and its"
CONTEXT = 2048

_ANY = Request("POST", "/api/chat", {}, {"model": "thinker"})

_OPTION_TYPES: dict[str, tuple[type, ...]] = {
    "temperature": (int, float),
    "top_p": (int, float),
    "num_predict": (int,),
    "seed": (int,),
    "stop": (list,),
}


class FakeOllama(FakeProvider):
    """Know the models `tiny`, which cannot think, and `thinker`, which can."""

    provider = "ollama"
    model = "thinker"
    lists_limits = True

    def environment(self) -> dict[str, str]:
        return {"OLLAMA_HOST": self.url}

    def check(self, request: Request) -> Reply | None:
        body = request.body
        if request.method == "GET" and request.path == "/api/tags":
            return None
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
        if request.method == "GET":
            return self.models(request)
        limit = request.body.get("options", {}).get("num_predict", 1000)
        words = TEXT.split()
        return chat(request, words[:limit], "length" if limit < len(words) else "stop")

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        request = request or _ANY
        done_reason = {"end_turn": "stop", "max_tokens": "length"}.get(stop, stop)
        return ndjson([*(line(request, piece) for piece in pieces), last_line(request, done_reason, len(pieces))])

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(line(_ANY, "tick"))

    def half(self) -> list[bytes]:
        return [line(_ANY, "Half an")]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return json_reply({"error": message}, status, **headers)

    def too_long(self) -> Reply:
        return json_reply({"error": json.dumps({"error": _too_long(30020)})}, 400)

    def unknown_model(self) -> Reply:
        return json_reply({"error": "model 'nope' not found"}, 404)

    def refusals(self) -> list[tuple[Reply, str]]:
        return []

    def only_thinking(self) -> Reply:
        return ndjson([line(_ANY, "", message={"thinking": "hmm"}), last_line(_ANY, "length", 1)])

    def models(self, request: Request) -> Reply:
        rows = [{"name": f"{name}:latest", "details": {"context_length": CONTEXT}} for name in ("tiny", "thinker")]
        return json_reply({"models": rows})

    def seen(self, request: Request) -> Seen:
        body = request.body
        options = body.get("options", {})
        turns = [(message["role"], message["content"]) for message in body["messages"]]
        system = turns.pop(0)[1] if turns[0][0] == "system" else None
        return Seen(
            model=body["model"],
            turns=turns,
            images=[image for message in body["messages"] for image in message.get("images", ())],
            system=system,
            max_tokens=options.get("num_predict"),
            temperature=options.get("temperature"),
            top_p=options.get("top_p"),
            stop=options.get("stop"),
            seed=options.get("seed"),
            reasoning_effort=body.get("think"),
            response_schema=body.get("format"),
        )


def _too_long(words: int) -> dict[str, Any]:
    message = f"request ({words} tokens) exceeds the available context size ({CONTEXT} tokens), try increasing it"
    return {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": words, "n_ctx": CONTEXT}


def line(request: Request, content: str, **fields: Any) -> bytes:
    """Return one line of a streamed chat."""
    message = {"role": "assistant", "content": content, **fields.pop("message", {})}
    event = {"model": request.body["model"], "created_at": "2026-11-22T08:03:48.511612568Z", "message": message, "done": False}
    return json.dumps({**event, **fields}).encode() + b"\n"


def last_line(request: Request, done_reason: str, count: int) -> bytes:
    """Return the line that ends a chat, with its counts."""
    counts = {"total_duration": 270887441, "prompt_eval_count": 25, "prompt_eval_duration": 1925000, "eval_count": count}
    return line(request, "", done=True, done_reason=done_reason, **counts)


def chat(request: Request, words: list[str], done_reason: str) -> Reply:
    """Return a complete streamed chat."""
    pieces = [line(request, f" {word}") for word in words]
    return ndjson([*pieces, last_line(request, done_reason, len(words))])


def ndjson(chunks: list[bytes] | Iterator[bytes], **options: Any) -> Reply:
    """Return a streamed answer."""
    return Reply(chunks=chunks, content_type="application/x-ndjson", **options)
