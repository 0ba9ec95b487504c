"""Fake Gemini's `v1beta` API, with strict checks. The shapes follow https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen

_CONFIG = {
    *("maxOutputTokens", "temperature", "topP", "stopSequences", "seed", "thinkingConfig"),
    *("responseMimeType", "responseJsonSchema"),
}
_FINISH = {"end_turn": "STOP", "max_tokens": "MAX_TOKENS"}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


class FakeGoogleAIStudio(FakeProvider):
    """Require the key in the header, and a user's turn at the end."""

    provider = "google_ai_studio"
    model = "gemini-2.5-flash"
    lists_limits = True
    key = "AIzaSy-made-up-for-tests-0123456789"

    def environment(self) -> dict[str, str]:
        return {"GOOGLE_API_KEY": self.key, "GOOGLE_GEMINI_BASE_URL": self.url}

    def check(self, request: Request) -> Reply | None:
        if "key=" in request.path:
            return self.error(400, "the key stands in the URL")
        if request.headers.get("x-goog-api-key") != self.key:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            body = {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}
            return json_reply({"error": {**body, "details": [reason]}}, 400)
        if request.method == "GET":
            return None if request.path.startswith("/v1beta/models") else self.error(404, "Not found")
        if not request.path.startswith("/v1beta/models/") or ":streamGenerateContent?alt=sse" not in request.path:
            return self.error(404, "Requested entity was not found.")
        fields = request.body
        if "contents" not in fields:
            return self.error(400, "contents is not specified")
        for name in fields.keys() - {"contents", "generationConfig", "systemInstruction", "serviceTier", "tools"}:
            return self.error(400, f'Invalid JSON payload received. Unknown name "{name}"')
        for name in fields.get("generationConfig", {}).keys() - _CONFIG:
            return self.error(400, f"Invalid JSON payload received. Unknown name \"{name}\" at 'generation_config'")
        if fields["contents"][-1]["role"] != "user":
            return self.error(400, "Please ensure that multiturn requests end with a user role.")
        return None

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        tier = str(request.body.get("serviceTier", "standard")) if request else "standard"
        chunks = [*(_event(parts=[{"text": piece}]) for piece in pieces), _last(_FINISH.get(stop, stop))]
        return self._stream(chunks, **{"x-gemini-service-tier": tier})

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(_event(parts=[{"text": "tick"}]))

    def half(self) -> list[bytes]:
        return [_event(parts=[{"text": "Half an"}])]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        name = _STATUS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
        body = {"error": {"code": status, "message": message, "status": name}}
        return json_reply(body, status, x_request_id="req_fake", **headers)

    def too_long(self) -> Reply:
        message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        return self.error(400, message)

    def unknown_model(self) -> Reply:
        return self.error(404, "models/nope is not found for API version v1beta")

    def refusals(self) -> list[tuple[Reply, str]]:
        blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "responseId": "req_fake"}
        midway = [_event(parts=[{"text": "Well, "}]), _last("SAFETY")]
        return [
            (self._stream([f"data: {json.dumps(blocked)}\n\n".encode()]), "content_filter"),
            (self._stream(midway), "content_filter"),
        ]

    def only_thinking(self) -> Reply:
        return self._stream([_event(parts=[{"text": "hmm", "thought": True}]), _last("MAX_TOKENS")])

    def thinking_then(self, text: str) -> Reply:
        """Return an answer that begins with some thinking."""
        return self._stream([_event(parts=[{"text": "hmm", "thought": True}, {"text": text}]), _last("STOP")])

    def failing_midway(self) -> Reply:
        """Return an error event within a stream."""
        error = {"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}}
        return self._stream([*self.half(), f"data: {json.dumps(error)}\n\n".encode()])

    def searched(self, *pages: tuple[str, str]) -> Reply:
        """Return an answer that rests on pages, which the last event lists."""
        grounding = {
            "webSearchQueries": ["a", "b"],
            "groundingChunks": [{"web": {"uri": url, "title": title}} for url, title in pages],
            "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3, "text": "It"}, "groundingChunkIndices": [0]}],
            "searchEntryPoint": {"renderedContent": "<div></div>"},
        }
        events = [_event(parts=[{"text": "It is so."}]), _event([], finishReason="STOP", groundingMetadata=grounding)]
        return self._stream(events)

    def models(self, request: Request) -> Reply:
        rows = [
            {
                "name": f"models/{name}",
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": [method],
            }
            for name, method in ((self.model, "generateContent"), ("embedding-1", "embedContent"))
        ]
        return json_reply({"models": rows})

    def seen(self, request: Request) -> Seen:
        body = request.body
        config = body.get("generationConfig", {})
        parts = [part for content in body["contents"] for part in content["parts"]]
        roles = {"user": "user", "model": "assistant"}
        thinking = config.get("thinkingConfig", {})
        effort = thinking.get("thinkingLevel") or {1024: "LOW"}.get(thinking.get("thinkingBudget"))
        return Seen(
            model=request.path.split("/models/")[1].split(":")[0],
            turns=[
                (roles[content["role"]], "".join(part.get("text", "") for part in content["parts"]))
                for content in body["contents"]
            ],
            images=[part["inlineData"]["data"] for part in parts if "inlineData" in part],
            system=body["systemInstruction"]["parts"][0]["text"] if "systemInstruction" in body else None,
            max_tokens=config.get("maxOutputTokens"),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
            stop=config.get("stopSequences"),
            seed=config.get("seed"),
            reasoning_effort=effort and effort.lower(),
            response_schema=config.get("responseJsonSchema"),
        )

    def _stream(self, chunks: list[bytes], **headers: str) -> Reply:
        return Reply(chunks=chunks, content_type="text/event-stream", headers=headers)


def _event(parts: list[dict[str, Any]], **candidate: Any) -> bytes:
    content = {"role": "model", "parts": parts}
    event = {"candidates": [{"content": content, "index": 0, **candidate}], "modelVersion": FakeGoogleAIStudio.model}
    usage = {"promptTokenCount": 20, "cachedContentTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 4}
    return f"data: {json.dumps({**event, 'usageMetadata': usage, 'responseId': 'req_fake'})}\n\n".encode()


def _last(finish_reason: str) -> bytes:
    return _event([], finishReason=finish_reason)
