"""Fake OpenAI's Responses and Chat Completions APIs, with strict checks.

The shapes follow https://platform.openai.com/docs/api-reference. The refusals are quoted from issues of gateways.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar

from tests.fakes.devstral_local import chat_seen
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen, schemas_in

TEXT = "Hello from the fake."

_ANY = Request("POST", "", {}, {"model": "gpt-x", "stream_options": {"include_usage": True}})

_RESPONSES_FIELDS = {
    "model",
    "input",
    "instructions",
    "store",
    "stream",
    "max_output_tokens",
    "temperature",
    "top_p",
    "reasoning",
    "text",
    *("service_tier", "prompt_cache_key", "prompt_cache_options", "tools", "max_tool_calls"),
}
_CHAT_FIELDS = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "reasoning_effort",
    "response_format",
    *("service_tier", "prompt_cache_key", "prompt_cache_options"),
}


class FakeOpenAI(FakeProvider):
    """Refuse what OpenAI's Chat Completions refuse. Models named `reasoner…` do not accept a temperature."""

    provider = "openai"
    model = "gpt-x"
    picky_model: ClassVar[str | None] = "reasoner"
    key = "sk-proj-made-up-for-tests-0123456789"

    def environment(self) -> dict[str, str]:
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": f"{self.url}/v1"}

    def check(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided: sk-proj-********6789.", code="invalid_api_key")
        body = request.body
        responses = request.path.endswith("/responses")
        if request.method == "GET" and request.path.endswith("/models"):
            return None
        if not responses and not request.path.endswith("/chat/completions"):
            return error(404, f"Invalid URL (POST {request.path})")
        for name in ("model", "input" if responses else "messages"):
            if name not in body:
                return error(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
        for name in body.keys() - (_RESPONSES_FIELDS if responses else _CHAT_FIELDS):
            return error(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        text_format = (body.get("text") or {}).get("format") or (body.get("response_format") or {}).get("json_schema") or {}
        if text_format.get("strict") and (why := not_strict(text_format["schema"])):
            said = f"Invalid schema for response_format 'answer': In context=(), {why}"
            return error(400, said, param="text.format.schema" if responses else "response_format", code="invalid_json_schema")
        if body["model"].startswith("reasoner") and "temperature" in body:
            text = "Unsupported parameter: 'temperature' is not supported with this model."
            return error(400, text, param="temperature")
        return None

    def answer(self, request: Request) -> Reply:
        if request.method == "GET":
            return self.models(request)
        return responses_stream(request) if request.path.endswith("/responses") else chat_stream(request)

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        finish = {"end_turn": "stop", "max_tokens": "length"}.get(stop, stop)
        return chat_stream(request or _ANY, text="".join(pieces), finish_reason=finish)

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(chat_chunk(_ANY, {"content": "tick"}))

    def half(self) -> list[bytes]:
        return [chat_chunk(_ANY, {"content": "Half an"})]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return error(status, message, **headers)

    def too_long(self) -> Reply:
        return error(400, "This model's maximum context length is 128000 tokens.", code="context_length_exceeded")

    def unknown_model(self) -> Reply:
        return error(404, "The model `nope` does not exist or you do not have access to it.", code="model_not_found")

    def refusals(self) -> list[tuple[Reply, str]]:
        declined = [chat_chunk(_ANY, {"refusal": "I cannot help with that."}), chat_chunk(_ANY, {}, "stop")]
        filtered = [chat_chunk(_ANY, {"content": "Well, "}), chat_chunk(_ANY, {}, "content_filter")]
        return [(stream(declined), "refusal"), (stream(filtered), "content_filter")]

    def only_thinking(self) -> Reply | None:
        return stream([chat_chunk(_ANY, {"reasoning_content": "hmm"}), chat_chunk(_ANY, {}, "length")])

    def models(self, request: Request) -> Reply:
        rows = [
            {"id": name, "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": date}
            for name, date in ((self.model, None), ("gpt-4o", "2027-01-14"))
        ]
        return json_reply({"object": "list", "data": rows})

    def seen(self, request: Request) -> Seen:
        return chat_seen(request.body, "max_tokens")


class FakeOpenAIResponses(FakeOpenAI):
    """Do the same with the Responses API, which has neither `stop` nor `seed`."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "OPENAI_WIRE_API": "responses"}

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        request = request or _ANY
        text = "".join(pieces)
        output = [message(text)] if text else []
        if stop == "end_turn":
            return responses_stream(request, text=text, output=output)
        details = {"reason": "max_output_tokens" if stop == "max_tokens" else stop}
        fields: dict[str, Any] = {"output": output, "status": "incomplete", "incomplete_details": details}
        return responses_stream(request, text=text, last="response.incomplete", **fields)

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(deltas("tick")[0])

    def half(self) -> list[bytes]:
        return deltas("Half an")

    def refusals(self) -> list[tuple[Reply, str]]:
        declined = responses_stream(_ANY, text="", output=[message("I cannot help with that.", "refusal")])
        return [(declined, "refusal"), (self.text(None, "Well, ", stop="content_filter"), "content_filter")]

    def only_thinking(self) -> Reply | None:
        return self.text(None, stop="max_tokens")

    def seen(self, request: Request) -> Seen:
        body = request.body
        if "messages" in body:
            return super().seen(request)
        turns: list[tuple[str, str]] = []
        images: list[str] = []
        for turn in body["input"]:
            content = turn["content"]
            parts: list[dict[str, Any]] = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
            turns.append((turn["role"], "".join(part["text"] for part in parts if part["type"] == "input_text")))
            images += [part["image_url"].split(",")[1] for part in parts if part["type"] == "input_image"]
        return Seen(
            model=body["model"],
            turns=turns,
            images=images,
            system=body.get("instructions"),
            max_tokens=body.get("max_output_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            reasoning_effort=(body.get("reasoning") or {}).get("effort"),
            response_schema=(body.get("text") or {}).get("format", {}).get("schema"),
        )


def not_strict(schema: dict[str, Any]) -> str | None:
    """Return why strict mode refuses a schema, as in https://platform.openai.com/docs/guides/structured-outputs, or None."""
    if schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'."
    for part in schemas_in(schema):
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be supplied and to be false."
        if part.get("type") == "object" and set(part.get("required", ())) != set(part["properties"]):
            return "'required' is required to be supplied and to be an array including every key in properties."
        if "$ref" in part and len(part) > 1:
            return "$ref cannot have keywords beside it."
        for name in (
            "allOf",
            "oneOf",
            "not",
            "if",
            "minLength",
            "maxLength",
            "uniqueItems",
            "default",
            "const",
            "patternProperties",
        ):
            if name in part:
                return f"'{name}' is not permitted."
        if not part.keys() & {"type", "anyOf", "$ref", "enum"}:
            return "schema must have a 'type' key."
    return None


def error(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    kind: str = "invalid_request_error",
    **headers: str,
) -> Reply:
    """Return an error in OpenAI's form."""
    return json_reply(
        {"error": {"message": message, "type": kind, "param": param, "code": code}},
        status,
        **{"x_request_id": "req_fake", **headers},
    )


def sse(*events: dict[str, Any]) -> list[bytes]:
    """Return server-sent events, each named after its `type`, as in the Responses API."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def stream(chunks: list[bytes] | Iterator[bytes], **options: Any) -> Reply:
    """Return a streamed answer."""
    return Reply(chunks=chunks, content_type="text/event-stream", headers={"x-request-id": "req_fake"}, **options)


def response(
    request: Request, *, status: str = "completed", output: list[dict[str, Any]] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return a Response object."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": f"{request.body['model']}-2026-01-01",
        "output": [message(TEXT)] if output is None else output,
        "usage": {
            "input_tokens": 20,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 30,
        },
        "service_tier": served_tier(request),
        **fields,
    }


def served_tier(request: Request) -> str:
    """Return the tier that answers, as if the project's setting were `default`."""
    asked = request.body.get("service_tier", "auto")
    return {"auto": "default"}.get(asked, str(asked))


def message(text: str, kind: str = "output_text") -> dict[str, Any]:
    """Return an output message with one part."""
    part = {"type": kind, "text": text, "annotations": []} if kind == "output_text" else {"type": kind, "refusal": text}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def searched(text: str, *pages: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the output of a response that has searched the web twice and read a page, with a citation of each page."""
    actions: list[dict[str, Any]] = [
        {"type": "search", "query": "a", "queries": ["a"], "sources": None},
        {"type": "open_page", "url": pages[0][0]},
        {"type": "search", "query": "b", "queries": ["b"], "sources": None},
    ]
    calls = [
        {"type": "web_search_call", "id": f"ws_{number}", "status": "completed", "action": action}
        for number, action in enumerate(actions)
    ]
    answer = message(text)
    answer["content"][0]["annotations"] = [
        {"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": 3} for url, title in pages
    ]
    return [*calls, answer]


def deltas(text: str = TEXT) -> list[bytes]:
    """Return the text events of a streamed response, one per word."""
    words = [word if i == 0 else f" {word}" for i, word in enumerate(text.split())]
    return sse(
        *(
            {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": w}
            for w in words
        )
    )


def responses_stream(request: Request, *, text: str = TEXT, last: str = "response.completed", **fields: Any) -> Reply:
    """Return a complete streamed response."""
    final = response(request, **fields)
    return stream(
        [
            *sse({"type": "response.created", "response": {**final, "output": []}}),
            *deltas(text),
            *sse({"type": last, "response": final}),
        ]
    )


def chat_chunk(request: Request, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """Return a chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _chat_event({"model": request.body["model"], "choices": [choice]})


def chat_stream(request: Request, *, text: str = TEXT, finish_reason: str = "stop") -> Reply:
    """Return a complete streamed chat completion, with the usage in the last chunk."""
    words = [word if i == 0 else f" {word}" for i, word in enumerate(text.split())]
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    chunks = [
        chat_chunk(request, {"role": "assistant", "content": None}),
        *(chat_chunk(request, {"content": word}) for word in words),
        chat_chunk(request, {}, finish_reason),
    ]
    if (request.body.get("stream_options") or {}).get("include_usage"):
        last = {"choices": [], "usage": usage, "service_tier": served_tier(request)}
        chunks.append(_chat_event({"model": request.body["model"], **last}))
    return stream([*chunks, b"data: [DONE]\n\n"])


def sse_data(event: dict[str, Any]) -> bytes:
    """Return a server-sent event without a name."""
    return f"data: {json.dumps(event)}\n\n".encode()


def _chat_event(fields: dict[str, Any]) -> bytes:
    return sse_data({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, **fields})
