"""Fake an API that speaks OpenAI's Chat Completions, as strict as OpenAI's fake. `presets.py` has the APIs themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.fakes.devstral_local import chat_seen
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.openai import FakeOpenAI, not_strict, sse_data
from tests.fakes.provider import Seen

FIELDS = frozenset(
    {"model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p", "stop", "seed"}
    | {"reasoning_effort", "response_format"}
)
FINISH = {"end_turn": "stop", "max_tokens": "length"}
PROMPT_TOKENS, THINKING_TOKENS, TEXT_TOKENS = 20, 4, 6


class FakePreset(FakeOpenAI):
    """An API that speaks Chat Completions. A subclass has its oddities."""

    key_variable: ClassVar[str | None]
    path: ClassVar[str] = "/v1"
    fields: ClassVar[frozenset[str]] = FIELDS
    thinking: ClassVar[str | None] = "reasoning_content"
    efforts: ClassVar[frozenset[str] | None] = None
    id_header: ClassVar[str | None] = "x-request-id"
    takes_strict: ClassVar[bool] = True
    schema: ClassVar[str] = "json_schema"
    stop_words: ClassVar[Mapping[str, str]] = FINISH
    limits: ClassVar[Mapping[str, Any]] = {}
    picky_model = None

    def environment(self) -> dict[str, str]:
        key = {self.key_variable: self.key} if self.key_variable else {}
        return {**key, f"{self.provider.upper()}_BASE_URL": f"{self.url}{self.path}"}

    def check(self, request: Request) -> Reply | None:
        if self.key_variable and request.headers.get("authorization") != f"Bearer {self.key}":
            return self.unauthorized()
        if "openai-organization" in request.headers or "openai-project" in request.headers:
            return self.error(400, "headers of another provider's")
        paths = {"GET": f"{self.path}/models", "POST": f"{self.path}/chat/completions"}
        if request.path != paths[request.method]:
            return self.error(404, f"no such path: {request.path}")
        return None if request.method == "GET" else self.refused(request.body)

    def refused(self, body: dict[str, Any]) -> Reply | None:
        """Return what it says of a request that it does not take."""
        if unknown := body.keys() - self.fields:
            return self.error(400, f"Unknown parameter: '{min(unknown)}'.")
        if any(message["role"] not in ("system", "user", "assistant") for message in body["messages"]):
            return self.error(400, "no such role")
        effort = body.get("reasoning_effort")
        if effort is not None and self.efforts is not None and effort not in self.efforts:
            return self.error(400, f"`reasoning_effort` must be one of {sorted(self.efforts)}")
        return self._refused_format(body)

    def _refused_format(self, body: dict[str, Any]) -> Reply | None:
        kind = body.get("response_format")
        if kind is None:
            return None
        if kind["type"] != self.schema:
            return self.error(400, f"This response_format type is unavailable now: {kind['type']}")
        if self.schema == "json_object":
            said = json.dumps(body["messages"]).lower()
            return None if "json" in said else self.error(400, "'messages' must contain the word 'json' in some form")
        strict = kind["json_schema"]["strict"]
        if strict and not self.takes_strict:
            return self.error(400, "This model does not support `strict`")
        why = not_strict(kind["json_schema"]["schema"]) if strict else None
        return self.error(400, f"invalid JSON schema for response_format: {why}") if why else None

    def unauthorized(self) -> Reply:
        """Return the refusal of a wrong key."""
        return self.error(401, "Invalid API Key")

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        usage = self.chunk(usage=self.usage(), choices=[])
        return self.stream([*map(self.piece, pieces), self.end(self.stop_words.get(stop, stop)), usage])

    def answer(self, request: Request) -> Reply:
        if request.method == "GET":
            return self.models(request)
        return self.text(request, "Hello", " from", " the", " fake.")

    def ticks(self) -> Iterator[bytes]:
        while True:
            yield self.piece("tick")

    def half(self) -> list[bytes]:
        return [self.piece("Half an")]

    def refusals(self) -> list[tuple[Reply, str]]:
        return [(self.stream([self.piece("Well, "), self.end("content_filter")]), "content_filter")]

    def thinking_then(self, *texts: str, stop: str = "stop") -> Reply:
        """Return an answer after some thought, which stands where this API has it."""
        if self.thinking is None:
            thought = []
        elif self.thinking == "<think>":
            thought = [self.piece("<think>hm"), self.piece("m</think>\n\n")]
        else:
            thought = [self.delta({self.thinking: "hm"}), self.delta({self.thinking: "m"})]
        return self.stream([*thought, *map(self.piece, texts), self.end(stop), self.chunk(usage=self.usage(), choices=[])])

    def only_thinking(self) -> Reply | None:
        return self.thinking_then(stop="length")

    def usage(self) -> dict[str, Any]:
        """Return the count of a call: 20 tokens read, 5 of them from a cache; 10 written, 4 of them in thought."""
        return {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": TEXT_TOKENS + THINKING_TOKENS,
            "total_tokens": PROMPT_TOKENS + TEXT_TOKENS + THINKING_TOKENS,
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": THINKING_TOKENS},
        }

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, {"error": self.envelope(status, message)}, **headers)

    def envelope(self, status: int, message: str) -> dict[str, Any]:
        """Return the object in an error."""
        return {"message": message, "type": "invalid_request_error", "param": None, "code": None}

    def failed(self, status: int, body: Any, **headers: str) -> Reply:
        """Return an error's body with the request's id."""
        reply = json_reply(body, status, **headers)
        reply.headers.update(self._ids())
        return reply

    def models(self, request: Request) -> Reply:
        return json_reply({"object": "list", "data": self.rows()})

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of its list."""
        return [{"id": name, "object": "model", **self.limits} for name in (self.model, "another/model-2")]

    def seen(self, request: Request) -> Seen:
        seen = chat_seen(request.body, self.limit)
        if self.schema == "json_object" and seen.system and "JSON Schema" in seen.system:
            seen.system, _, asked = seen.system.partition("\n\n")
            seen.response_schema = json.loads(asked[asked.index("{") :])
        return seen

    @property
    def limit(self) -> str:
        """The field for the limit."""
        return "max_tokens" if "max_tokens" in self.fields else "max_completion_tokens"

    def stream(self, chunks: list[bytes], **options: Any) -> Reply:
        """Return a streamed answer with the request's id."""
        events = [*chunks, b"data: [DONE]\n\n"]
        return Reply(chunks=events, content_type="text/event-stream", headers=self._ids(), **options)

    def chunk(self, **fields: Any) -> bytes:
        """Return an event of a stream."""
        return sse_data({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": self.model, **fields})

    def delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        """Return an event with a choice."""
        return self.chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    def piece(self, text: str) -> bytes:
        """Return an event with text."""
        return self.delta({"content": text})

    def end(self, finish_reason: str) -> bytes:
        """Return the event that ends a choice."""
        return self.delta({}, finish_reason)

    def _ids(self) -> dict[str, str]:
        return {self.id_header: "req_fake"} if self.id_header else {}
