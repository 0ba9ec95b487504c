"""Fake Anthropic's Messages API, with strict checks.

The shapes follow https://platform.claude.com/docs/en/api/messages. The refusals of sampling parameters are quoted from issues.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen, schemas_in

_FIELDS = {
    *("model", "max_tokens", "messages", "system", "stop_sequences", "stream", "thinking", "output_config"),
    *("temperature", "top_p", "service_tier", "tools"),
}


class FakeAnthropic(FakeProvider):
    """Refuse what Anthropic refuses: a missing max_tokens, and sampling under 2026-10-21 or with a model newer than 4.6."""

    provider = "anthropic"
    model = "claude-sonnet-4-6"
    picky_model: ClassVar[str | None] = "claude-opus-5-5"
    lacks = frozenset({"seed"})
    lists_limits = True
    key = "sk-ant-api03-made-up-for-tests"

    def environment(self) -> dict[str, str]:
        return {"ANTHROPIC_API_KEY": self.key, "ANTHROPIC_BASE_URL": self.url}

    def check(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self.error(401, "invalid bearer token")
        version = request.headers.get("anthropic-version")
        if version not in ("2023-06-01", "2026-10-21"):
            return self.error(400, "anthropic-version: header is required")
        if request.method == "GET":
            return None if request.path.startswith("/v1/models") else self.error(404, "Not found")
        if request.path != "/v1/messages":
            return self.error(404, "Not found")
        return self._check_body(request.body, str(version))

    def _check_body(self, body: dict[str, Any], version: str) -> Reply | None:
        for name in ("model", "max_tokens", "messages"):
            if name not in body:
                return self.error(400, f"{name}: Field required")
        for name in body.keys() - _FIELDS:
            return self.error(400, f"{name}: Extra inputs are not permitted")
        for name in ("temperature", "top_p"):
            if name in body and version != "2023-06-01":
                return self.error(400, f"{name}: Extra inputs are not permitted")
            if name in body and not body["model"].startswith(("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-6")):
                return self.error(400, f"`{name}` is deprecated for this model.")
        if "temperature" in body and "top_p" in body and body["model"].startswith("claude-haiku"):
            return self.error(400, "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
        for part in schemas_in((body.get("output_config") or {}).get("format", {}).get("schema")):
            if part.get("type") == "object" and part.get("additionalProperties") is not False:
                said = "For 'object' type, 'additionalProperties' must be explicitly set to false"
                return self.error(400, f"output_config.format.schema: {said}")
            for name in ("minimum", "maximum", "maxItems", "minLength", "pattern", "oneOf", "not"):
                if name in part:
                    said = f"For '{part.get('type')}' type, property '{name}' is not supported"
                    return self.error(400, f"output_config.format.schema: {said}")
            if part.get("minItems", 0) not in (0, 1):
                said = "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
                return self.error(400, f"output_config.format.schema: {said}")
        if body["messages"][-1]["role"] == "assistant":
            return self.error(400, "This model does not support assistant message prefill.")
        return None

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        model = request.body["model"] if request else self.model
        return self._stream([_start(model), *map(_delta, pieces), *_end(stop)])

    def used(self, **usage: Any) -> Reply:
        """Return an answer with further fields in its usage."""
        return self._stream([_start(self.model, **usage), _delta("Hello"), *_end("end_turn")])

    def ticks(self) -> Iterator[bytes]:
        return itertools.chain([_start(self.model)], itertools.repeat(_delta("tick")))

    def half(self) -> list[bytes]:
        return [_start(self.model), _delta("Half an")]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        kind = {
            401: "authentication_error",
            402: "billing_error",
            403: "permission_error",
            404: "not_found_error",
            413: "request_too_large",
            429: "rate_limit_error",
            529: "overloaded_error",
        }.get(status, "invalid_request_error" if status < 500 else "api_error")
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}
        return json_reply(body, status, request_id="req_fake", **headers)

    def too_long(self) -> Reply:
        return self.error(400, "prompt is too long: 250000 tokens > 200000 maximum")

    def unknown_model(self) -> Reply:
        return self.error(404, "model: nope")

    def refusals(self) -> list[tuple[Reply, str]]:
        details = {"type": "refusal", "category": "cyber", "explanation": "I cannot help with that."}
        before = [_start(self.model), *_end("refusal", details)]
        midway = [_start(self.model), _delta("Well, "), *_end("refusal", details)]
        return [(self._stream(before), "refusal"), (self._stream(midway), "refusal")]

    def only_thinking(self) -> Reply:
        return self._stream([_start(self.model), _thinking("hmm"), *_end("max_tokens")])

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking."""
        return self._stream([_start(self.model), _thinking("hmm"), _delta(text), *_end("end_turn")])

    def failing_midway(self) -> Reply:
        """Return an error event within a stream."""
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return self._stream([_start(self.model), _delta("Half an"), _event(error)])

    def searched(self, *pages: tuple[str, str], error: str | None = None) -> Reply:
        """Return an answer that says something, searches the web, and cites each page."""
        found: Any = [
            {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "x", "page_age": None}
            for url, title in pages
        ]
        if error is not None:
            found = {"type": "web_search_tool_result_error", "error_code": error}
        call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
        result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found}
        cited = [
            {"type": "web_search_result_location", "url": url, "title": title, "cited_text": "x", "encrypted_index": "x"}
            for url, title in pages
        ]
        counts = {"output_tokens": 10, "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0}}
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        return self._stream(
            [
                _start(self.model),
                *_block(0, {"type": "text", "text": "", "citations": None}, {"type": "text_delta", "text": "I look."}),
                *_block(1, call, {"type": "input_json_delta", "partial_json": '{"query": "a"}'}),
                *_block(2, result),
                *_block(
                    3,
                    {"type": "text", "text": "", "citations": []},
                    *({"type": "citations_delta", "citation": each} for each in cited),
                    {"type": "text_delta", "text": "It is so."},
                ),
                _event({"type": "message_delta", "delta": end, "usage": counts}),
                _event({"type": "message_stop"}),
            ]
        )

    def models(self, request: Request) -> Reply:
        rows = [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active",
                "max_input_tokens": 200_000,
                "max_tokens": 64_000,
                "retires_at": retires_at,
            }
            for name, retires_at in ((self.model, None), ("claude-haiku-4-5-20251001", "2027-01-31T00:00:00Z"))
        ]
        return json_reply({"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]})

    def seen(self, request: Request) -> Seen:
        body = request.body
        turns, images = _turns(body["messages"])
        system = body.get("system")
        output = body.get("output_config", {})
        return Seen(
            model=body["model"],
            turns=turns,
            images=images,
            system=system if isinstance(system, str) or system is None else system[0]["text"],
            max_tokens=body["max_tokens"],
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop=body.get("stop_sequences"),
            reasoning_effort=output.get("effort"),
            response_schema=output.get("format", {}).get("schema"),
        )

    def _stream(self, chunks: list[bytes]) -> Reply:
        return Reply(chunks=chunks, content_type="text/event-stream", headers={"request-id": "req_fake"})


def _turns(messages: list[dict[str, Any]]) -> tuple[list[tuple[str, str]], list[str]]:
    turns, images = [], []
    for message in messages:
        content = message["content"]
        parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns.append((message["role"], "".join(part["text"] for part in parts if part["type"] == "text")))
        images += [part["source"]["data"] for part in parts if part["type"] == "image"]
    return turns, images


def _event(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _start(model: str, **more_usage: Any) -> bytes:
    usage = {
        "input_tokens": 15,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
        **more_usage,
    }
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
    }
    return _event({"type": "message_start", "message": {**message, "stop_sequence": None, "usage": usage}})


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    """Return a block of content with its deltas."""
    return [
        _event({"type": "content_block_start", "index": index, "content_block": block}),
        *(_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
        _event({"type": "content_block_stop", "index": index}),
    ]


def _delta(text: str) -> bytes:
    return _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


def _thinking(text: str) -> bytes:
    return _event({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": text}})


def _end(stop: str, details: dict[str, Any] | None = None) -> list[bytes]:
    delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": details}
    usage = {"output_tokens": 10, "output_tokens_details": {"thinking_tokens": 4}}
    return [_event({"type": "message_delta", "delta": delta, "usage": usage}), _event({"type": "message_stop"})]
