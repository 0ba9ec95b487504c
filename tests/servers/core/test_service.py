"""One call, from its arguments to its result, with an adapter made for the test."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from mcp_models.servers.core import errors, redaction, service
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort, Usage
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.service import CompletionService

Behaviour = Callable[[CompletionRequest, Callable[[str], None]], Completion | None]


class Scripted(Provider):
    """An adapter that does what the test says, and keeps the requests."""

    name = "scripted"
    title = "Scripted"
    summary = "For tests."
    default_model = "default"
    parameters = frozenset({"temperature", "top_p", "stop", "reasoning_effort", "response_schema"})
    native_names = {"thinking": "reasoning_effort", "stop_sequences": "stop"}

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        self.requests.append(request)
        completion = self.behaviour(request, on_text)
        if completion is None:
            await asyncio.Event().wait()
        assert completion
        return completion

    async def list_models(self) -> list[ModelInfo]:
        return [ModelInfo(id="default"), ModelInfo(id="another")]


def answered(text: str = "fine", **fields: Any) -> Completion:
    return Completion(**{"text": text, "model": "default-1", "stop_reason": "end_turn", **fields})


def caller(behaviour: Behaviour) -> tuple[CompletionService, Scripted]:
    provider = Scripted(behaviour)
    return CompletionService(provider), provider


async def ask(behaviour: Behaviour, **arguments: Any) -> dict[str, Any]:
    result = await caller(behaviour)[0].call_tool("complete", {"prompt": "x", **arguments}, lambda text: None)
    meta: dict[str, Any] = result["_meta"]
    return {**meta.get("mcp-models/completion", {}), **meta.get("mcp-models/error", {}), "result": result}


def refuses(*names: str, by_param: bool = True, text: str = "is not supported with this model.") -> Behaviour:
    """Return the behaviour of a model that refuses some parameters."""

    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        for name in names:
            if getattr(request, name) is not None:
                raise errors.InvalidRequestError(f"{name} {text}", param=name if by_param else None)
        return answered()

    return behaviour


async def test_the_result_is_the_text_once_and_the_record_in_meta() -> None:
    record = await ask(lambda request, on_text: answered(usage=Usage(input_tokens=3, output_tokens=4)))
    result = record["result"]
    assert result["content"] == [{"type": "text", "text": "fine"}]
    assert result["isError"] is False
    assert "structuredContent" not in result
    assert (record["model"], record["provider"], record["tokens_used"]) == ("default-1", "scripted", 7)
    assert "text" not in record


@pytest.mark.parametrize(
    ("arguments", "environment", "model"),
    [({}, None, "default"), ({}, "from-env", "from-env"), ({"model": "given"}, "from-env", "given")],
)
async def test_the_model(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], environment: str | None, model: str
) -> None:
    if environment:
        monkeypatch.setenv("MODEL_DEFAULT", environment)
    asked, provider = caller(lambda request, on_text: answered())
    await asked.call_tool("complete", {"prompt": "x", **arguments}, lambda text: None)
    assert provider.requests[0].model == model


async def test_the_default_temperature_is_sent_and_dropped_without_a_word() -> None:
    asked, provider = caller(refuses("temperature"))
    result = await asked.call_tool("complete", {"prompt": "x"}, lambda text: None)
    assert [request.temperature for request in provider.requests] == [7.3e-07, None]
    assert result["_meta"]["mcp-models/completion"]["dropped_params"] == []


@pytest.mark.parametrize("by_param", [True, False], ids=["named in param", "named in the message"])
async def test_a_refused_parameter_is_dropped_reported_and_remembered(by_param: bool) -> None:
    asked, provider = caller(refuses("temperature", "top_p", by_param=by_param))
    arguments = {"prompt": "x", "temperature": 0, "top_p": 0.5}
    for tries in (3, 4):
        result = await asked.call_tool("complete", arguments, lambda text: None)
        assert result["_meta"]["mcp-models/completion"]["dropped_params"] == ["temperature", "top_p"]
        assert len(provider.requests) == tries
    await asked.call_tool("complete", {**arguments, "model": "another"}, lambda text: None)
    assert provider.requests[4].temperature == 0


async def test_a_conflict_of_two_parameters_drops_one_for_this_call_only() -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        if request.temperature is not None and request.top_p is not None:
            raise errors.InvalidRequestError("`temperature` and `top_p` cannot both be specified for this model.")
        return answered()

    asked, provider = caller(behaviour)
    both = await asked.call_tool("complete", {"prompt": "x", "temperature": 0, "top_p": 0.5}, lambda text: None)
    assert both["_meta"]["mcp-models/completion"]["dropped_params"] == ["temperature"]
    one = await asked.call_tool("complete", {"prompt": "x", "temperature": 0}, lambda text: None)
    assert one["_meta"]["mcp-models/completion"]["dropped_params"] == []
    assert provider.requests[-1].temperature == 0


async def test_what_the_provider_lacks_is_never_sent() -> None:
    asked, provider = caller(lambda request, on_text: answered())
    result = await asked.call_tool("complete", {"prompt": "x", "seed": 5}, lambda text: None)
    assert provider.requests[0].seed is None
    assert result["_meta"]["mcp-models/completion"]["dropped_params"] == ["seed"]


async def test_the_providers_own_names_are_understood() -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        if request.reasoning_effort is not None:
            raise errors.InvalidRequestError('"tiny" does not support thinking')
        return answered()

    assert (await ask(behaviour, reasoning_effort="low"))["dropped_params"] == ["reasoning_effort"]


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequestError("temperature must be nice"),
        errors.InvalidRequestError("output_config.format.schema: 'minItems' is not supported"),
        errors.InvalidRequestError("model is not supported"),
        errors.InvalidRequestError("max_output_tokens is not supported", param="max_output_tokens"),
        errors.InvalidRequestError("Input should be less than or equal to 1.5", param="temperature"),
        errors.InvalidRequestError("temperature: expected a maximum value of 2", param="temperature"),
        errors.InvalidRequestError("Unsupported value: 'low'. Supported values are: 'high'.", param="reasoning_effort"),
        errors.InvalidRequestError("Invalid schema for response_format: not supported", param="response_format"),
        errors.InvalidRequestError("the schema is invalid", param="text.format.schema"),
        errors.AuthenticationError("temperature is not supported"),
    ],
)
async def test_any_other_refusal_is_the_callers_to_know(error: errors.CompletionError) -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        raise error

    record = await ask(behaviour, temperature=1, response_schema={})
    assert record["type"] == error.type
    assert record["result"]["isError"] is True


async def test_the_deadline_ends_the_call_and_keeps_what_had_come() -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> None:
        on_text("so far")

    record = await ask(behaviour, timeout=0.05)
    assert (record["type"], record["retryable"], record["partial"]) == ("timeout", True, "so far")
    assert "0.05 s" in record["message"]


@pytest.mark.parametrize(
    ("completion", "kind"),
    [
        (answered(""), "empty_output"),
        (answered(" \n"), "empty_output"),
        (answered("", stop_reason="max_tokens", usage=Usage(reasoning_tokens=9)), "empty_output"),
        (answered("", stop_reason="refusal"), "refusal"),
        (answered("half", stop_reason="refusal"), "refusal"),
        (answered("", stop_reason="content_filter"), "content_filter"),
    ],
)
async def test_what_only_looks_like_an_answer_is_an_error(completion: Completion, kind: str) -> None:
    assert (await ask(lambda request, on_text: completion))["type"] == kind


async def test_thinking_that_ate_the_budget_is_said_to_have() -> None:
    completion = answered("", stop_reason="max_tokens", reasoning="hmm")
    assert "the whole budget went into thinking" in (await ask(lambda request, on_text: completion))["message"]


async def test_a_structured_answer_comes_parsed() -> None:
    record = await ask(lambda request, on_text: answered('{"a": 1}'), response_schema={"type": "object"})
    assert record["result"]["structuredContent"] == {"a": 1}
    assert record["result"]["content"][0]["text"] == '{"a": 1}'


async def test_a_structured_answer_that_is_no_json_is_a_warning() -> None:
    record = await ask(lambda request, on_text: answered("sorry"), response_schema={"type": "object"})
    assert "structuredContent" not in record["result"]
    assert record["warnings"] == ["the answer does not fit `response_schema`: it is not JSON"]


@pytest.mark.parametrize(("text", "value"), [("[1]", [1]), ('"x"', "x"), ("1", 1), ("null", None), ("false", False)])
async def test_a_structured_answer_that_is_no_object_is_in_the_record(text: str, value: Any) -> None:
    """Clients of the legacy era discard a result whose `structuredContent` is not an object."""
    record = await ask(lambda request, on_text: answered(text), response_schema={})
    assert "structuredContent" not in record["result"]
    assert record["structured"] == value


NOTED: list[tuple[Behaviour, dict[str, Any], str]] = [
    (lambda request, on_text: answered(stop_reason="max_tokens"), {}, "This answer is cut off at the limit of tokens"),
    (lambda request, on_text: answered(model="other"), {}, "other answered, not default."),
    (lambda request, on_text: answered(), {"seed": 1}, "default-1 does not take `seed`: answered without."),
    (lambda request, on_text: answered("{}"), {"response_schema": {"type": "array"}}, "does not fit `response_schema`: {} is"),
]


@pytest.mark.parametrize(("behaviour", "arguments", "words"), NOTED, ids=["cut", "another model", "dropped", "unfit"])
async def test_what_the_callers_model_must_know_comes_as_a_second_block(
    behaviour: Behaviour, arguments: dict[str, Any], words: str
) -> None:
    """Hosts do not show `_meta` to their model. Some show only `structuredContent`, so a result with a note has none."""
    result = (await ask(behaviour, **arguments))["result"]
    answer, note = result["content"]
    assert answer["text"] in ("fine", "{}")
    assert note["annotations"] == {"audience": ["assistant"]}
    assert words in note["text"]
    assert note["text"].startswith("\n\n[")
    assert "structuredContent" not in result


async def test_a_structured_answer_beside_a_note_is_in_the_record() -> None:
    record = await ask(lambda request, on_text: answered('{"a": 1}'), response_schema={}, seed=1)
    assert (len(record["result"]["content"]), record["structured"]) == (2, {"a": 1})


async def test_a_limit_that_nobody_asked_for_gives_way() -> None:
    """By default the tool allows 16,384 tokens, but older models accept fewer."""

    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        if request.limit > 8192:
            raise errors.InvalidRequestError(f"max_tokens: {request.limit} > 8192, which is the maximum allowed")
        return answered()

    asked, provider = caller(behaviour)
    for tries in (2, 3):
        result = await asked.call_tool("complete", {"prompt": "x"}, lambda text: None)
        assert result["isError"] is False
        assert [request.limit for request in provider.requests[-1:]] == [4096]
        assert len(provider.requests) == tries
    result = await asked.call_tool("complete", {"prompt": "x", "max_tokens": 16_384}, lambda text: None)
    assert result["_meta"]["mcp-models/error"]["type"] == "invalid_request"


async def test_a_limit_that_an_adapter_lacks_is_reported_only_if_it_was_given() -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        return answered(dropped_params=["max_tokens"])

    assert (await ask(behaviour))["dropped_params"] == []
    assert (await ask(behaviour, max_tokens=5))["dropped_params"] == ["max_tokens"]


class Choosy(Scripted):
    """An adapter whose models support two efforts."""

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return ("low", "high")


async def test_an_effort_that_the_model_lacks_becomes_the_nearest_with_a_warning() -> None:
    provider = Choosy(lambda request, on_text: answered())
    result = await CompletionService(provider).call_tool(
        "complete", {"prompt": "x", "reasoning_effort": "max"}, lambda text: None
    )
    assert provider.requests[0].reasoning_effort == "high"
    assert result["_meta"]["mcp-models/completion"]["warnings"] == [
        "reasoning_effort: default has no 'max', so 'high' was sent"
    ]
    assert len(result["content"]) == 1


async def test_every_error_type_reaches_the_caller_with_its_details() -> None:
    for name, cls in errors.ERROR_TYPES.items():

        def behaviour(request: CompletionRequest, on_text: Callable[[str], None], cls: Any = cls) -> Completion:
            raise cls("went wrong.", status=418, retry_after=3, request_id="r1")

        record = await ask(behaviour)
        assert (record["type"], record["status"], record["retry_after"], record["request_id"]) == (name, 418, 3, "r1")
        assert record["message"].startswith("Scripted: went wrong.")
        assert record["result"]["content"] == [{"type": "text", "text": record["message"]}]


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
async def test_a_senseless_default_deadline_is_said_to_be(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MCP_MODELS_TIMEOUT", text)
    record = await ask(lambda request, on_text: answered())
    assert record["type"] == "configuration"
    assert "MCP_MODELS_TIMEOUT" in record["message"]


@pytest.mark.parametrize(
    "counts", [{"input_tokens": float("inf")}, {"output_tokens": -1}, {"input_tokens": 10**400}, {"output_tokens": "9"}]
)
async def test_an_answer_is_kept_if_its_token_counts_make_no_sense(counts: dict[str, Any]) -> None:
    record = await ask(lambda request, on_text: answered(usage=Usage(**counts)))
    assert record["result"]["content"][0]["text"] == "fine"
    assert record["tokens_used"] == 0
    assert record["warnings"] == ["scripted reported token counts that make no sense"]


async def test_a_machine_without_free_descriptors_is_no_fault_of_the_server() -> None:
    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        raise OSError(errno.EMFILE, "Too many open files")

    record = await ask(behaviour)
    assert record["type"] == "configuration"
    assert "Too many open files" in record["message"]


async def test_a_text_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LONGEST_TEXT", 1000)

    def behaviour(request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        while True:
            on_text("and so on ")

    record = await ask(behaviour)
    assert (record["type"], record["retryable"]) == ("provider_error", False)
    assert record["partial"] == "and so on " * 100


async def test_a_deep_structured_answer_is_kept_as_text_though_a_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", ["made-up-secret-0123456789"])
    text = '{"a": ' + "[" * 700 + "]" * 700 + "}"
    record = await ask(lambda request, on_text: answered(text), response_schema={"type": "object"})
    assert record["result"]["content"][0]["text"] == text
    assert "structured" not in record
    assert record["warnings"] == ["the answer does not fit `response_schema`: it is nested too deeply"]


async def test_made_up_models_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_LEARNT", 2)
    asked, _ = caller(lambda request, on_text: answered())
    for name in ("one", "two", "three", "one"):
        await asked.call_tool("complete", {"prompt": "x", "model": name}, lambda text: None)
    assert list(asked._learnt) == ["three", "one"]
