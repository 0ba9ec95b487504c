"""Fake the APIs behind the presets, each as strict as OpenAI's fake and with the oddities that are reported of it.

The oddities stand here a second time, and nothing is read from the table of presets: a row that is wrong is found out. The
wordings are quoted in issues and documents. That a service refuses a field is often only documented; here each one does.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.preset import FIELDS, TEXT_TOKENS, FakePreset
from tests.fakes.provider import Seen


class FakeOpenRouter(FakePreset):
    """Codes are numbers; what comes after HTTP 200 is an error in the stream; a cost and comments stand in it too."""

    provider, model, key_variable = "openrouter", "deepseek/deepseek-v4.1-flash", "OPENROUTER_API_KEY"
    key = "sk-or-v1-made-up-for-tests-0123456789"
    path = "/api/v1"
    fields = FIELDS | {"provider"}
    thinking = "reasoning"
    efforts = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})
    id_header = "X-Generation-Id"
    limits = {"context_length": 131072, "top_provider": {"max_completion_tokens": 8192}}
    lists_limits = True

    def refused(self, body: dict[str, Any]) -> Reply | None:
        given = body.keys() & {"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_format"}
        if given and body.get("provider") != {"require_parameters": True}:
            return self.error(400, f"a route may drop {min(given)} in silence")
        return super().refused(body)

    def check(self, request: Request) -> Reply | None:
        if not {"http-referer", "x-title"} <= request.headers.keys():
            return self.error(400, "the application does not name itself")
        return super().check(request)

    def envelope(self, status: int, message: str) -> dict[str, Any]:
        return {"code": status, "message": message, "metadata": {"provider_name": "DeepSeek"}}

    def unauthorized(self) -> Reply:
        return self.error(401, "User not found.")

    def stream(self, chunks: list[bytes], **options: Any) -> Reply:
        return super().stream([b": OPENROUTER PROCESSING\n\n", *chunks], **options)

    def usage(self) -> dict[str, Any]:
        details = {"cached_tokens": 5, "cache_write_tokens": 3}
        cost = {"cost": 0.00123, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
        return {**super().usage(), "prompt_tokens_details": details, **cost}

    def unknown_model(self) -> Reply:
        return self.error(400, f"{self.model[:-1]}z is not a valid model ID")

    def too_long(self) -> Reply:
        return self.error(400, "This endpoint's maximum context length is 131072 tokens. However, you requested 200000 tokens.")


class FakeGroq(FakePreset):
    """Refuses a stream of an answer to a schema."""

    provider, model, key_variable = "groq", "openai/gpt-oss-120b", "GROQ_API_KEY"
    key = "gsk_made_up_for_tests_0123456789"
    path = "/openai/v1"
    thinking = "reasoning"
    efforts = frozenset({"low", "medium", "high"})
    limits = {"context_window": 131072, "max_completion_tokens": 65536}
    lists_limits = True

    def refused(self, body: dict[str, Any]) -> Reply | None:
        if "response_format" in body and body.get("stream"):
            return self.error(400, "`response_format` does not support streaming")
        return super().refused(body)

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return reply if request.body.get("stream") or not reply.chunks else self._whole(reply)

    def _whole(self, reply: Reply) -> Reply:
        """Return a streamed answer as one that is not."""
        events = [json.loads(chunk[6:]) for chunk in reply.chunks or () if chunk.startswith(b"data: {")]
        deltas = [choice["delta"] for event in events for choice in event["choices"]]
        message = {"role": "assistant", "content": "".join(delta.get("content") or "" for delta in deltas)}
        ends = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
        choice = {"index": 0, "message": message, "finish_reason": ends[-1]}
        body = {**events[0], "object": "chat.completion", "choices": [choice], "usage": self.usage()}
        return self.failed(200, body)

    def unknown_model(self) -> Reply:
        said = {"message": "The model `nope` does not exist or you do not have access to it.", "code": "model_not_found"}
        return self.failed(404, {"error": said})

    def too_long(self) -> Reply:
        said = {"message": "Please reduce the length of the messages or completion.", "code": "context_length_exceeded"}
        return self.failed(400, {"error": said})


class FakeCerebras(FakePreset):
    """Errors have no envelope; the limit has its new name, and all of it counts at once."""

    provider, model, key_variable = "cerebras", "gpt-oss-120b", "CEREBRAS_API_KEY"
    key = "csk-made-up-for-tests-0123456789"
    fields = FIELDS - {"max_tokens"} | {"max_completion_tokens"}
    thinking = "reasoning"
    efforts = frozenset({"low", "medium", "high"})

    def refused(self, body: dict[str, Any]) -> Reply | None:
        if body["max_completion_tokens"] > 8000:
            return self.error(429, "Tokens per minute limit exceeded - too many tokens processed.")
        return super().refused(body)

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, self.envelope(status, message), **headers)

    def unknown_model(self) -> Reply:
        said = "Model nope does not exist or you do not have access to it."
        return self.failed(404, {"message": said, "type": "not_found_error", "param": "model", "code": "model_not_found"})

    def too_long(self) -> Reply:
        said = "Please reduce the length of the messages or completion. Current length is 200000 while limit is 131072"
        code = {"type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}
        return self.failed(400, {"message": said, **code})


class FakeDeepSeek(FakePreset):
    """Thinks unless it is told not to, and while it does disregards sampling; counts cached tokens under names of its own."""

    provider, model, key_variable = "deepseek", "deepseek-flash", "DEEPSEEK_API_KEY"
    key = "sk-made-up-for-tests-0123456789"
    path = ""
    fields = FIELDS - {"seed"} | {"thinking"}
    efforts = frozenset({"low", "high", "max"})
    schema = "json_object"
    lacks = frozenset({"seed", "temperature", "top_p"})

    def refused(self, body: dict[str, Any]) -> Reply | None:
        thinks = body.get("thinking") != {"type": "disabled"}
        if thinks and body.keys() & {"temperature", "top_p"}:
            return self.error(400, "sampling would be disregarded in silence")
        return super().refused(body)

    def usage(self) -> dict[str, Any]:
        usage = super().usage()
        del usage["prompt_tokens_details"]
        return {**usage, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 15}

    def stream(self, chunks: list[bytes], **options: Any) -> Reply:
        return super().stream([b": keep-alive\n\n", *chunks], **options)

    def unknown_model(self) -> Reply:
        return self.error(400, "The supported API model names are deepseek-flash, deepseek-v4-pro, but you passed nope.")

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum context length is 131072 tokens. However, you requested 200000 tokens.")


class FakeXAI(FakePreset):
    """Shows no thinking and counts it apart; the error is a text with a code beside it; a cost in ticks."""

    provider, model, key_variable = "xai", "grok-4.7", "XAI_API_KEY"
    key = "xai-made-up-for-tests-0123456789"
    fields = FIELDS - {"stop"}
    thinking = None
    efforts = frozenset({"low", "medium", "high"})
    lacks = frozenset({"stop"})

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, {"code": "Client specified an invalid argument", "error": message}, **headers)

    def unauthorized(self) -> Reply:
        said = "Incorrect API key provided: ma***42. You can obtain an API key from https://console.x.ai."
        return self.error(400, said)

    def usage(self) -> dict[str, Any]:
        return {**super().usage(), "completion_tokens": TEXT_TOKENS, "cost_in_usd_ticks": 12_300_000}

    def unknown_model(self) -> Reply:
        said = "The model nope does not exist or your team does not have access to it."
        return self.failed(404, {"code": "Some requested entity was not found", "error": said})

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum prompt length is 131072 but the request contains 200000 tokens.")


class FakeMoonshot(FakePreset):
    """Kimi's newest have one temperature; errors have a type and no code."""

    provider, model, key_variable = "moonshot", "kimi-k3.1-pro", "MOONSHOT_API_KEY"
    key = "sk-made-up-for-tests-0123456789"
    fields = FIELDS - {"seed", "max_tokens"} | {"max_completion_tokens"}
    efforts = frozenset({"low", "high", "max"})
    lacks = frozenset({"seed", "temperature", "top_p"})

    def refused(self, body: dict[str, Any]) -> Reply | None:
        if body.get("temperature", 1) != 1:
            return self.error(400, "invalid temperature: only 1 is allowed for this model")
        if "top_p" in body:
            return self.error(400, "invalid top_p: only 0.95 is allowed for this model")
        return super().refused(body)

    def envelope(self, status: int, message: str) -> dict[str, Any]:
        return {"message": message, "type": "invalid_request_error"}

    def usage(self) -> dict[str, Any]:
        usage = super().usage()
        del usage["prompt_tokens_details"]
        return {**usage, "cached_tokens": 5}

    def unknown_model(self) -> Reply:
        said = {"message": "Not found the model nope or Permission denied", "type": "resource_not_found_error"}
        return self.failed(404, {"error": said})

    def too_long(self) -> Reply:
        return self.error(400, "Invalid request: Your request exceeded model token limit: 262144")


class FakeZAI(FakePreset):
    """Codes are numbers in strings; an assistant's list is lost; some ends have words of their own."""

    provider, model, key_variable = "zai", "glm-5.3", "ZAI_API_KEY"
    key = "0123456789abcdef.made-up-for-tests"
    path = "/api/paas/v4"
    fields = FIELDS - {"seed"} | {"thinking"}
    efforts = frozenset({"low", "high", "max"})
    schema = "json_object"
    lacks = frozenset({"seed"})

    def refused(self, body: dict[str, Any]) -> Reply | None:
        if any(isinstance(message["content"], list) for message in body["messages"] if message["role"] == "assistant"):
            return self.error(400, "an assistant's list would be lost in silence")
        return super().refused(body)

    def envelope(self, status: int, message: str) -> dict[str, Any]:
        return {"code": "1302" if status == 429 else "1210" if status == 400 else "500", "message": message}

    def refusals(self) -> list[tuple[Reply, str]]:
        return [(self.stream([self.piece("Well, "), self.end("sensitive")]), "content_filter")]

    def unknown_model(self) -> Reply:
        return self.failed(400, {"error": {"code": "1211", "message": "Unknown Model, please check the model code."}})

    def too_long(self) -> Reply:
        return self.failed(400, {"error": {"code": "1261", "message": "Prompt exceeds max length"}})


class FakeTogether(FakePreset):
    """The list of models has no envelope."""

    provider, model, key_variable = "together", "zai-org/GLM-5.3-Flash", "TOGETHER_API_KEY"
    key = "tgp_v1_made-up-for-tests-0123456789"
    fields = FIELDS | {"reasoning"}
    thinking = "reasoning"
    limits = {"context_length": 131072}
    lists_limits = True

    def models(self, request: Request) -> Reply:
        return json_reply(self.rows())

    def unknown_model(self) -> Reply:
        said = "Unable to access model nope. Please visit the list of supported models."
        return self.failed(404, {"error": {"message": said, "type": "invalid_request_error", "code": "model_not_available"}})

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum context length is 131072 tokens.")


class FakeFireworks(FakePreset):
    """The error may be a text."""

    provider, model, key_variable = "fireworks", "accounts/fireworks/models/glm-5p3", "FIREWORKS_API_KEY"
    key = "fw_made_up_for_tests_0123456789"
    path = "/inference/v1"
    efforts = frozenset({"none", "low", "medium", "high"})

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, {"error": message}, **headers)

    def unknown_model(self) -> Reply:
        said = "Model not found, inaccessible, and/or not deployed"
        return self.failed(404, {"error": {"message": said, "object": "error", "code": "NOT_FOUND"}})

    def too_long(self) -> Reply:
        return self.error(400, "The prompt is too long: 200000, model maximum context length: 131071")


class FakeHuggingFace(FakePreset):
    """A host may stand after a colon, and does not in the answer."""

    provider, model, key_variable = "huggingface", "openai/gpt-oss-120b", "HF_TOKEN"
    key = "hf_made_up_for_tests_0123456789"
    thinking = "reasoning"
    efforts = frozenset({"low", "medium", "high"})

    def unknown_model(self) -> Reply:
        said = "The requested model 'nope' is not supported by any provider you have enabled."
        return self.failed(400, {"error": {"message": said, "type": "invalid_request_error", "code": "model_not_supported"}})

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum context length is 131072 tokens.")


class FakeNVIDIA(FakePreset):
    """Thinking is switched in the chat template; errors have a `detail`; requests have no id."""

    provider, model, key_variable = "nvidia", "nvidia/nemotron-3-super-120b-a12b", "NVIDIA_API_KEY"
    key = "nvapi-made-up-for-tests-0123456789"
    fields = FIELDS - {"reasoning_effort"} | {"chat_template_kwargs"}
    id_header = None

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, {"status": status, "title": "Bad Request", "detail": message}, **headers)

    def unknown_model(self) -> Reply:
        return self.error(404, "Function '0d0c': Not found for account 'abc'")

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum context length is 131072 tokens.")

    def seen(self, request: Request) -> Seen:
        seen = super().seen(request)
        if request.body.get("chat_template_kwargs") == {"enable_thinking": True, "low_effort": True}:
            seen.reasoning_effort = "low"
        return seen


class FakeQwen(FakePreset):
    """Thinking has a switch and a budget; caches count what was written under another name; debts are a 400."""

    provider, model, key_variable = "qwen", "qwen3.7-plus", "DASHSCOPE_API_KEY"
    key = "sk-made-up-for-tests-0123456789"
    path = "/compatible-mode/v1"
    fields = FIELDS - {"reasoning_effort"} | {"enable_thinking", "thinking_budget"}
    schema = "json_object"

    def usage(self) -> dict[str, Any]:
        return {**super().usage(), "prompt_tokens_details": {"cached_tokens": 5, "cache_creation_input_tokens": 3}}

    def unknown_model(self) -> Reply:
        said = {"message": "The model `nope` does not exist or you do not have access to it.", "code": "model_not_found"}
        return self.failed(404, {"error": said})

    def too_long(self) -> Reply:
        said = {"message": "Range of input length should be [1, 129024]", "code": "invalid_parameter_error"}
        return self.failed(400, {"error": said})

    def seen(self, request: Request) -> Seen:
        seen = super().seen(request)
        if request.body.get("enable_thinking") is True and request.body.get("thinking_budget") == 1024:
            seen.reasoning_effort = "low"
        return seen


class FakeLMStudio(FakePreset):
    """Wants no key, leaves tags in the text, and lists models that write no text."""

    provider, model, key_variable = "lmstudio", "openai/gpt-oss-20b", None
    thinking = "<think>"
    efforts = frozenset({"low", "medium", "high"})
    id_header = None

    def rows(self) -> list[dict[str, Any]]:
        return [{"id": "text-embedding-nomic-embed-text-v1.5", "object": "model"}, *super().rows()]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return self.failed(status, {"error": message}, **headers)

    def unknown_model(self) -> Reply:
        return self.error(400, 'Invalid model identifier "nope". Please specify a valid downloaded model.')

    def too_long(self) -> Reply:
        said = "The number of tokens to keep from the initial prompt is greater than the context length"
        return self.error(400, said)


class FakeVLLM(FakePreset):
    """Wants no key, and its errors have the status as their code."""

    provider, model, key_variable = "vllm", "Qwen/Qwen3.8-27B", None
    thinking = "reasoning"
    id_header = None
    limits = {"max_model_len": 32768}
    lists_limits = True

    def envelope(self, status: int, message: str) -> dict[str, Any]:
        return {"message": message, "type": "BadRequestError", "param": None, "code": status}

    def unknown_model(self) -> Reply:
        return self.error(404, "The model `nope` does not exist.")

    def too_long(self) -> Reply:
        return self.error(400, "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens.")


FAKES: tuple[type[FakePreset], ...] = tuple(FakePreset.__subclasses__())
