"""Fake llama.cpp's chat completions, for situations that a real server cannot be brought into.

The answers were seen from `llama-server` 0.7.0. `tests/servers/test_devstral_local_mcp_server.py` uses a real server.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen

_FINISH = {"end_turn": "stop", "max_tokens": "length"}


class FakeDevstralLocal(FakeProvider):
    """Answer for any model's name, as llama.cpp does."""

    provider = "devstral_local"
    model = "tiny"
    lists_limits = True

    def environment(self) -> dict[str, str]:
        return {"DEVSTRAL_ENDPOINT": self.url}

    def check(self, request: Request) -> Reply | None:
        if request.method == "GET":
            return None if request.path == "/v1/models" else self.error(404, "File Not Found")
        if request.path != "/v1/chat/completions":
            return self.error(404, "File Not Found")
        if "messages" not in request.body:
            return self.error(400, "'messages' is required")
        return None

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        usage = {
            "completion_tokens": 10,
            "prompt_tokens": 20,
            "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 5},
        }
        first, last = _chunk({"role": "assistant", "content": None}), _chunk({}, _FINISH.get(stop, stop))
        counts = _event({"choices": [], "usage": usage, "timings": {"prompt_n": 20}})
        return self._stream([first, *(_chunk({"content": piece}) for piece in pieces), last, counts, b"data: [DONE]\n\n"])

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(_chunk({"content": "tick"}))

    def half(self) -> list[bytes]:
        return [_chunk({"content": "Half an"})]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return json_reply({"error": {"code": status, "message": message, "type": "server_error"}}, status, **headers)

    def too_long(self) -> Reply:
        message = "request (30020 tokens) exceeds the available context size (2048 tokens), try increasing it"
        error = {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": 30020, "n_ctx": 2048}
        return json_reply({"error": error}, 400)

    def unknown_model(self) -> Reply:
        return self.error(404, "model not found")

    def refusals(self) -> list[tuple[Reply, str]]:
        return []

    def only_thinking(self) -> Reply:
        return self._stream([_chunk({"reasoning_content": "hmm"}), _chunk({}, "length"), b"data: [DONE]\n\n"])

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking."""
        thought, answer = _chunk({"reasoning_content": "hmm"}), _chunk({"content": text})
        return self._stream([thought, answer, _chunk({}, "stop"), b"data: [DONE]\n\n"])

    def models(self, request: Request) -> Reply:
        row = {"id": "tiny", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx": 2048, "n_ctx_train": 2048}}
        return json_reply({"models": [{"name": "tiny"}], "object": "list", "data": [row]})

    def seen(self, request: Request) -> Seen:
        return chat_seen(request.body, "max_tokens")

    def _stream(self, chunks: list[bytes]) -> Reply:
        return Reply(chunks=chunks, content_type="text/event-stream")


def chat_seen(body: dict[str, Any], limit: str) -> Seen:
    """Return what the contract needs to know about a chat completion's request."""
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns.append((message["role"], "".join(part["text"] for part in parts if part["type"] == "text")))
        images += [part["image_url"]["url"].split(",")[1] for part in parts if part["type"] == "image_url"]
    system = turns.pop(0)[1] if turns[0][0] == "system" else None
    return Seen(
        model=body["model"],
        turns=turns,
        images=images,
        system=system,
        max_tokens=body.get(limit),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        stop=body.get("stop"),
        seed=body.get("seed"),
        reasoning_effort=body.get("reasoning_effort"),
        response_schema=(body.get("response_format") or {}).get("json_schema", {}).get("schema"),
    )


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return _event({"choices": [{"finish_reason": finish_reason, "index": 0, "delta": delta}]})


def _event(fields: dict[str, Any]) -> bytes:
    event = {"created": 1, "id": "chatcmpl-1", "model": "tiny", "system_fingerprint": "b1", "object": "chat.completion.chunk"}
    return f"data: {json.dumps({**event, **fields})}\n\n".encode()
