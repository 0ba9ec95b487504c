"""Stand in for the models of hosts: each fake asks for our tool once, and keeps what came back."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply

PROMPT = "one two three four five six"


class FakeModel(Endpoint):
    """A model that calls the tool `complete`, and then says "done". Hosts without a model do not ask it.

    Attributes:
        arguments: What it calls the tool with.
        results: What the host sent back as the tool's result, as JSON text.
        finished: When the first one came, on the clock of `time.monotonic`. None if none has.
        offered: The names of all tools that the host offered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {"prompt": PROMPT}
        self.results: list[str] = []
        self.finished: float | None = None
        self.offered: list[str] = []

    def answer(self, request: Request) -> Reply:
        """Answer a request of the host: with a tool call if our tool is offered and has not answered yet."""
        self.offered = self.tools(request.body) or self.offered
        if found := self.tool_results(request.body):
            self.results = found
            self.finished = self.finished or time.monotonic()
            return self.says("done", request)
        ours = [name for name in self.tools(request.body) if name.endswith("complete")]
        return self.calls(ours[0], self.arguments, request) if ours else self.says("done", request)

    def tools(self, body: dict[str, Any]) -> list[str]:
        """Return the names of the tools in a request."""
        raise NotImplementedError

    def tool_results(self, body: dict[str, Any]) -> list[str]:
        """Return the results of tools in a request, as JSON text."""
        raise NotImplementedError

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        """Return an answer that calls a tool."""
        raise NotImplementedError

    def says(self, text: str, request: Request) -> Reply:
        """Return an answer of text."""
        raise NotImplementedError


def _events(records: list[dict[str, Any]], *, named: bool = True, end: bool = False) -> Reply:
    lines = (f"event: {record['type']}\n" if named else "" for record in records)
    chunks = [f"{line}data: {json.dumps(record)}\n\n".encode() for line, record in zip(lines, records, strict=True)]
    if end:
        chunks.append(b"data: [DONE]\n\n")
    return Reply(chunks=chunks, content_type="text/event-stream")


class ResponsesModel(FakeModel):
    """A model behind OpenAI's Responses API, for Codex."""

    def answer(self, request: Request) -> Reply:
        """Answer the list of models as well."""
        return json_reply({"data": [], "models": []}) if request.method == "GET" else super().answer(request)

    def tools(self, body: dict[str, Any]) -> list[str]:
        names = []
        for tool in body.get("tools", []):  # Codex puts a server's tools into a namespace
            inner = [f"{tool.get('name')}/{function.get('name')}" for function in tool.get("tools", [])]
            names += inner or [str(tool.get("name"))]
        return names

    def tool_results(self, body: dict[str, Any]) -> list[str]:
        return [json.dumps(item) for item in body.get("input", []) if str(item.get("type")).endswith("call_output")]

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        namespace, _, function = name.rpartition("/")
        call = {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": function,
            "arguments": json.dumps(arguments),
        }
        return self._item({**call, "namespace": namespace} if namespace else call)

    def says(self, text: str, request: Request) -> Reply:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return self._item({"type": "message", "id": "msg_1", "role": "assistant", "content": content})

    @staticmethod
    def _item(item: dict[str, Any]) -> Reply:
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        return _events(
            [
                {"type": "response.created", "response": {"id": "resp_1"}},
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
            ]
        )


class MessagesModel(FakeModel):
    """A model behind Anthropic's Messages API, for Claude Code."""

    def answer(self, request: Request) -> Reply:
        """Answer what is not a message in the shortest way."""
        if request.method == "GET" or "messages" not in request.body or "count_tokens" in request.path:
            return json_reply({"data": [], "input_tokens": 1})
        return super().answer(request)

    def tools(self, body: dict[str, Any]) -> list[str]:
        return [str(tool.get("name")) for tool in body.get("tools", [])]

    def tool_results(self, body: dict[str, Any]) -> list[str]:
        blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
        return [json.dumps(block) for block in blocks if block.get("type") == "tool_result"]

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        return self._block(block, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}, "tool_use", request)

    def says(self, text: str, request: Request) -> Reply:
        return self._block({"type": "text", "text": ""}, {"type": "text_delta", "text": text}, "end_turn", request)

    @staticmethod
    def _block(block: dict[str, Any], delta: dict[str, Any], stop: str, request: Request) -> Reply:
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.body.get("model"), "usage": usage}
        if not request.body.get("stream"):
            return json_reply({**message, "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"})
        return _events(
            [
                {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {"type": "content_block_delta", "index": 0, "delta": delta},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage},
                {"type": "message_stop"},
            ]
        )


class GeminiModel(FakeModel):
    """A model behind Gemini's API, for Gemini CLI."""

    def answer(self, request: Request) -> Reply:
        """Answer a count of tokens as well."""
        if request.method == "GET" or "countTokens" in request.path:
            return json_reply({"totalTokens": 1})
        return super().answer(request)

    def tools(self, body: dict[str, Any]) -> list[str]:
        declared = [function for tool in body.get("tools", []) for function in tool.get("functionDeclarations", [])]
        return [str(function["name"]) for function in declared]

    def tool_results(self, body: dict[str, Any]) -> list[str]:
        parts = [part for turn in body.get("contents", []) for part in turn.get("parts", [])]
        return [json.dumps(part) for part in parts if "functionResponse" in part]

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        return self._part({"functionCall": {"name": name, "args": arguments}}, request)

    def says(self, text: str, request: Request) -> Reply:
        return self._part({"text": text}, request)

    @staticmethod
    def _part(part: dict[str, Any], request: Request) -> Reply:
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        record = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}
        return _events([record], named=False) if "stream" in request.path else json_reply(record)


class ChatModel(FakeModel):
    """A model behind OpenAI's Chat Completions, for the hosts that take an address of your own."""

    def answer(self, request: Request) -> Reply:
        """Answer the list of models as well."""
        return json_reply({"object": "list", "data": []}) if request.method == "GET" else super().answer(request)

    def tools(self, body: dict[str, Any]) -> list[str]:
        return [str(tool["function"]["name"]) for tool in body.get("tools", [])]

    def tool_results(self, body: dict[str, Any]) -> list[str]:
        return [json.dumps(turn["content"]) for turn in body.get("messages", []) if turn["role"] == "tool"]

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return self._turn({"content": None, "tool_calls": [call]}, "tool_calls", request)

    def says(self, text: str, request: Request) -> Reply:
        return self._turn({"content": text}, "stop", request)

    @staticmethod
    def _turn(message: dict[str, Any], reason: str, request: Request) -> Reply:
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        record = {"id": "chatcmpl_1", "created": 1, "model": request.body.get("model")}
        turn = {"role": "assistant", **message}
        if not request.body.get("stream"):
            choice = {"index": 0, "message": turn, "finish_reason": reason}
            return json_reply({**record, "object": "chat.completion", "choices": [choice], "usage": usage})
        chunk = {**record, "object": "chat.completion.chunk"}
        pieces = [{"index": 0, "delta": turn, "finish_reason": None}, {"index": 0, "delta": {}, "finish_reason": reason}]
        records = [{**chunk, "choices": [piece]} for piece in pieces]
        return _events([*records, {**chunk, "choices": [], "usage": usage}], named=False, end=True)


class AmpService(FakeModel):
    """Amp's own service, without which Amp does nothing. It knows nothing, and its model is not to be had."""

    def answer(self, request: Request) -> Reply:
        """Answer with an empty object."""
        return json_reply({})
