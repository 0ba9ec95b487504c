"""Adapt the fakes as LiteLLM's upstreams. They also accept what LiteLLM adds, if the provider documents it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply, Request
from tests.fakes.openai import FakeOpenAI, FakeOpenAIResponses, chat_chunk, deltas, message, response, sse, stream
from tests.fakes.provider import FakeProvider, Seen
from tests.peer import SECONDS

_ANY = Request("POST", "", {}, {"model": "gpt-x"})
_STRUCTURED_OUTPUTS = "structured-outputs-2025-11-13"


class Chat(FakeOpenAI):
    """OpenAI's Chat Completions, as LiteLLM uses them."""

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking, in the form of compatible servers."""
        thought, said = chat_chunk(_ANY, {"reasoning_content": "hmm"}), chat_chunk(_ANY, {"content": text})
        return stream([thought, said, chat_chunk(_ANY, {}, "stop"), b"data: [DONE]\n\n"])

    def failing_midway(self) -> Reply:
        """Return an error within a stream."""
        error = b'data: {"error": {"message": "Overloaded", "type": "server_error", "param": null, "code": null}}\n\n'
        return stream([*self.half(), error])


class Responses(FakeOpenAIResponses):
    """OpenAI's Responses API, as LiteLLM uses it: with `include`, and with an assistant's turns in parts."""

    def check(self, request: Request) -> Reply | None:
        return super().check(replace(request, body={name: value for name, value in request.body.items() if name != "include"}))

    def seen(self, request: Request) -> Seen:
        body = request.body
        if "input" not in body:
            return super().seen(request)
        return super().seen(replace(request, body={**body, "input": [_with_input_parts(turn) for turn in body["input"]]}))

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking."""
        item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hmm"}]}
        place = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        final = response(_ANY, output=[item, message(text)])
        thoughts = sse(
            {"type": "response.created", "response": {**final, "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "summary": []}},
            {"type": "response.reasoning_summary_text.delta", **place, "delta": "hmm"},
            {"type": "response.reasoning_summary_text.done", **place, "text": "hmm"},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
        )
        return stream([*thoughts, *deltas(text), *sse({"type": "response.completed", "response": final})])

    def failing_midway(self) -> Reply:
        """Return an error event within a stream."""
        return stream([*self.half(), *sse({"type": "error", "code": "server_error", "message": "Overloaded", "param": None})])


class Messages(FakeAnthropic):
    """Anthropic's Messages API, as LiteLLM uses it: with the key in another header, and schemas in the form of the beta."""

    def check(self, request: Request) -> Reply | None:
        headers, body = dict(request.headers), dict(request.body)
        if "x-api-key" in headers:
            headers["authorization"] = f"Bearer {headers['x-api-key']}"
        if _STRUCTURED_OUTPUTS in headers.get("anthropic-beta", ""):
            body.pop("output_format", None)
        return super().check(replace(request, headers=headers, body=body))

    def seen(self, request: Request) -> Seen:
        seen = super().seen(request)
        return replace(seen, response_schema=seen.response_schema or request.body.get("output_format", {}).get("schema"))


Upstream = Chat | Responses | Messages


def until(told: threading.Event, upstream: FakeProvider) -> Iterator[bytes]:
    """Yield half an answer, and then wait until an event is set."""
    yield from upstream.half()
    assert told.wait(SECONDS)
    yield b": the next thing is the end\n\n"


def _with_input_parts(turn: dict[str, Any]) -> dict[str, Any]:
    content = turn["content"]
    if isinstance(content, list):
        content = [{**part, "type": "input_text"} if part["type"] == "output_text" else part for part in content]
    return {**turn, "content": content}
