"""Check a request's body against its provider's official types. An unknown field or a wrong type is an error.

The types come from the SDKs, made closed and strict, and from google-genai's models. Where only an OpenAPI document has them,
there is a table here, with the document's commit.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from typing_extensions import is_typeddict

from tests.fakes.endpoint import Request

CLOSED = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


def check(provider: str, request: Request) -> None:
    """Raise `pydantic.ValidationError` or `AssertionError` if the official types do not allow a request."""
    _CHECKS[provider](request)


def check_answer(provider: str, chunks: Iterable[bytes]) -> None:
    """Raise `pydantic.ValidationError` if the official types do not allow the events of a fake's answer."""
    events = [json.loads(line[6:]) for chunk in chunks for line in chunk.decode().splitlines() if line.startswith("data: ")]
    for event in events:
        _ANSWERS[provider](event)


def check_batch_line(provider: str, request: Request, line: dict[str, Any]) -> None:
    """Raise the same if the official types do not allow a line of a job.

    Args:
        provider: The provider.
        request: The request that the job came in.
        line: The line.
    """
    _BATCH_CHECKS[provider](request, line)


def _exhaust(value: Any) -> None:
    """Read every iterable in a validated value, because pydantic checks the items only when they are read."""
    if isinstance(value, Mapping):
        for item in value.values():
            _exhaust(item)
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        for item in value:
            _exhaust(item)


@functools.cache
def _closed(package: str, module: str, name: str) -> TypeAdapter[Any]:
    """Return a validator for a TypedDict of an SDK. It and all TypedDicts inside it refuse unknown fields."""
    import importlib
    import sys

    kind = getattr(importlib.import_module(module), name)
    for loaded in [found for path, found in sys.modules.items() if path.startswith(f"{package}.types")]:
        for value in list(vars(loaded).values()):
            if is_typeddict(value):
                value.__pydantic_config__ = CLOSED
    return TypeAdapter(kind)


def _openai(request: Request) -> None:
    if request.path.endswith("/responses"):
        kind = _closed("openai", "openai.types.responses.response_create_params", "ResponseCreateParamsStreaming")
    else:
        kind = _closed("openai", "openai.types.chat.completion_create_params", "CompletionCreateParamsStreaming")
    _exhaust(kind.validate_python(request.body))


def _anthropic(request: Request) -> None:
    body = dict(request.body)
    if request.headers.get("anthropic-version") == "2023-06-01":  # this version still accepts sampling parameters
        for name in ("temperature", "top_p"):
            assert isinstance(body.pop(name, 0.0), (int, float))
    kind = _closed("anthropic", "anthropic.types.message_create_params", "MessageCreateParamsStreaming")
    _exhaust(kind.validate_python(body))


def _anthropic_line(request: Request, line: dict[str, Any]) -> None:
    line = {**line, "params": dict(line["params"])}
    if request.headers.get("anthropic-version") == "2023-06-01":
        for name in ("temperature", "top_p"):
            assert isinstance(line["params"].pop(name, 0.0), (int, float))
    _exhaust(_closed("anthropic", "anthropic.types.messages.batch_create_params", "Request").validate_python(line))


def _gemini_line(request: Request, line: dict[str, Any]) -> None:
    assert line.keys() == {"key", "request"}
    _gemini(Request(request.method, request.path, request.headers, line["request"]))


def _mistral(request: Request) -> None:
    from mistralai.client import models

    _closed_model(models.ChatCompletionStreamRequest).model_validate(request.body)
    # platform-docs-public, openapi.yaml at 222f4ba9114f84ce9f2d718b9a12fbac1e527f4b.
    assert 0 <= request.body.get("temperature", 0) <= 1.5
    assert request.body.get("random_seed", 0) >= 0
    if request.body["model"] != "mistral-large-4":  # this model documents more levels than the enumeration has
        assert request.body.get("reasoning_effort", "none") in ("high", "none")


def _gemini(request: Request) -> None:
    from google.genai import types

    names = {"contents", "systemInstruction", "generationConfig", "safetySettings", "serviceTier", "tools"}
    assert set(request.body) <= names
    assert request.body.get("serviceTier", "standard") in {tier.value for tier in types.ServiceTier}
    for content in request.body["contents"]:
        _closed_model(types.Content).model_validate(content)
    for tool in request.body.get("tools", []):
        _closed_model(types.Tool).model_validate(tool)
    if instruction := request.body.get("systemInstruction"):
        _closed_model(types.Content).model_validate(instruction)
    _closed_model(types.GenerationConfig).model_validate(request.body.get("generationConfig", {}))


# ollama, docs/openapi.yaml at fb30760996871fa9460115c753afd2c60d4ab0f7. `truncate` and `shift` are in api/types.go only.
_OLLAMA: dict[str, Callable[[Any], bool]] = {
    "model": lambda value: isinstance(value, str),
    "messages": lambda value: all(set(turn) <= {"role", "content", "images", "thinking", "tool_calls"} for turn in value),
    "format": lambda value: value == "json" or isinstance(value, dict),
    "options": lambda value: set(value) <= {"seed", "temperature", "top_p", "stop", "num_predict"},
    "stream": lambda value: isinstance(value, bool),
    "think": lambda value: isinstance(value, bool) or value in ("high", "medium", "low", "max"),
    "truncate": lambda value: isinstance(value, bool),
    "shift": lambda value: isinstance(value, bool),
}


def _ollama(request: Request) -> None:
    for name, value in request.body.items():
        assert name in _OLLAMA, f"{name} is not in Ollama's document"
        assert _OLLAMA[name](value), f"{name}: {value!r}"
    images = [image for turn in request.body["messages"] for image in turn.get("images", [])]
    assert all(isinstance(image, str) for image in images)


@functools.cache
def _closed_model(model: type[BaseModel]) -> type[BaseModel]:
    """Return a model that forbids unknown fields, as google-genai's own do. Models inside it keep their own rule."""
    return type(model.__name__, (model,), {"model_config": {**model.model_config, "extra": "forbid"}})


def _openai_answer(event: dict[str, Any]) -> None:
    from openai.types.responses import Response

    if event["type"] == "response.completed":  # what tools and settings there were is repeated in a real one
        repeated = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        TypeAdapter(Response).validate_python({**repeated, **event["response"]})


def _anthropic_answer(event: dict[str, Any]) -> None:
    from anthropic.types import RawMessageStreamEvent

    TypeAdapter(RawMessageStreamEvent).validate_python(event)


def _gemini_answer(event: dict[str, Any]) -> None:
    from google.genai import types

    closed = _closed_model(types.GroundingMetadata)
    for candidate in event["candidates"]:
        closed.model_validate(candidate.get("groundingMetadata", {}))


_ANSWERS = {"openai": _openai_answer, "anthropic": _anthropic_answer, "google_ai_studio": _gemini_answer}

_CHECKS: dict[str, Callable[[Request], None]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "anthropic_ollama": _anthropic,
    "mistral": _mistral,
    "google_ai_studio": _gemini,
    "ollama": _ollama,
    "devstral_local": _openai,
}

_BATCH_CHECKS: dict[str, Callable[[Request, dict[str, Any]], None]] = {
    "anthropic": _anthropic_line,
    "google_ai_studio": _gemini_line,
}
