"""What one preset does and others do not, through its real server process and with a strict fake of its API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.preset import FIRST_LISTED
from mcp_models.servers.presets import PRESETS
from tests.fakes.endpoint import json_reply
from tests.peer import request
from tests.servers.contract import ask_again
from tests.servers.preset_server import FAKE_OF, SCHEMA, At

ODD_ERRORS: list[tuple[str, int, Any, str, bool]] = [
    ("openrouter", 402, {"error": {"code": 402, "message": "Insufficient credits"}}, "billing", False),
    ("groq", 498, {"error": {"message": "Capacity", "code": "capacity_exceeded"}}, "overloaded", True),
    ("groq", 400, {"error": {"message": "The model is gone", "code": "model_decommissioned"}}, "model_not_found", False),
    (
        "groq",
        400,
        {"error": {"message": "Failed to generate JSON", "code": "json_validate_failed", "failed_generation": "{"}},
        "provider_error",
        False,
    ),
    ("cerebras", 429, {"message": "Too many", "type": "too_many_requests_error", "code": "request_quota"}, "rate_limit", True),
    ("deepseek", 402, {"error": {"message": "Insufficient Balance"}}, "billing", False),
    ("moonshot", 429, {"error": {"message": "Used up", "type": "exceeded_current_quota_error"}}, "billing", False),
    ("moonshot", 429, {"error": {"message": "Busy", "type": "engine_overloaded_error"}}, "overloaded", True),
    ("zai", 429, {"error": {"code": "1113", "message": "Insufficient balance"}}, "billing", False),
    ("zai", 429, {"error": {"code": "1305", "message": "Overloaded"}}, "overloaded", True),
    ("huggingface", 402, {"error": "You have exceeded your monthly included credits"}, "billing", False),
    ("qwen", 400, {"error": {"message": "Access denied", "code": "Arrearage", "type": "Arrearage"}}, "billing", False),
    ("qwen", 400, {"error": {"message": "Input data", "code": "data_inspection_failed"}}, "content_filter", False),
    ("xai", 200, {"code": "Client specified an invalid argument", "error": "Bad"}, "provider_error", False),
]


@pytest.mark.parametrize(("provider", "status", "body", "kind", "retryable"), ODD_ERRORS)
def test_an_error_in_the_providers_own_words(provider: str, status: int, body: Any, kind: str, retryable: bool) -> None:
    with At(provider) as at:
        record = at.ask(json_reply(body, status))
        assert (record["type"], record["retryable"]) == (kind, retryable), record["message"]


def test_openrouters_error_after_a_good_status() -> None:
    error = {"code": 429, "message": "Rate limit exceeded", "metadata": {}}
    with At("openrouter") as at:
        for fields in ({"choices": None}, {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}):
            record = at.ask(at.fake.stream([at.fake.piece("Half"), at.fake.chunk(error=error, **fields)]))
            assert (record["type"], record["retryable"], record["partial"]) == ("rate_limit", True, "Half")


def test_openrouters_cost_with_a_key_of_ones_own_has_the_hosts_too() -> None:
    own = {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}
    outcomes: list[tuple[dict[str, Any], float | None]] = [
        ({}, 0.21),
        ({"is_byok": False}, 0.01),
        ({"cost_details": None}, None),
        ({"cost": -1}, None),
        ({"cost": "much"}, None),
    ]
    with At("openrouter") as at:
        for change, cost in outcomes:
            usage = {**at.fake.usage(), **own, **change}
            end = at.fake.chunk(usage=usage, choices=[])
            record = at.ask(at.fake.stream([at.fake.piece("Yes."), at.fake.end("stop"), end]))
            assert record["cost_usd"] == (None if cost is None else pytest.approx(cost))


def test_moonshots_count_may_stand_in_the_choice() -> None:
    with At("moonshot") as at:
        end = at.fake.chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": at.fake.usage()}])
        usage = at.ask(at.fake.stream([at.fake.piece("Yes."), end]))["usage"]
        assert (usage["input_tokens"], usage["output_tokens"], usage["cache_read_tokens"]) == (20, 10, 5)


def test_openrouters_routes_must_have_what_was_asked_for() -> None:
    with At("openrouter") as at:
        at.ask()
        assert "provider" not in at.body
        at.ask(seed=1)
        assert at.body["provider"] == {"require_parameters": True}
        refusal = at.fake.error(404, "No endpoints found that can handle the requested parameters.")
        record = at.ask(refusal, seed=1)
        assert record["type"] == "invalid_request"
        assert "can handle the requested parameters" in record["message"]


@pytest.mark.parametrize(
    ("provider", "asked", "answered", "warned"),
    [
        ("openrouter", "deepseek/deepseek-v4.1-flash:free", "deepseek/deepseek-v4.1-flash", False),
        ("openrouter", "deepseek/deepseek-v4.1-flash:free", "deepseek/deepseek-v4.1-flash-20260901", False),
        ("openrouter", "deepseek/deepseek-v4.1-flash:free", "deepseek/deepseek-v4-pro", True),
        ("huggingface", "openai/gpt-oss-120b:groq", "openai/gpt-oss-120b", False),
        ("groq", "a:b", "a", True),
    ],
)
def test_a_route_is_not_part_of_a_models_name(provider: str, asked: str, answered: str, warned: bool) -> None:
    assert load_provider(provider, {}).is_same_model(answered, asked) is not warned


def test_groq_is_asked_for_a_schema_without_a_stream() -> None:
    with At("groq") as at:
        record = at.ask(at.fake.text(None, '{"a":', " 1}"), response_schema=SCHEMA)
        assert (record["structured"], record["request_id"], record["usage"]["output_tokens"]) == ({"a": 1}, "req_fake", 10)
        assert "stream" not in at.body
        assert at.body["response_format"]["json_schema"]["strict"] is True
        at.ask(at.fake.text(None, '{"a": 1}'), response_schema=SCHEMA, model="qwen/qwen3.8-27b")
        assert at.body["response_format"]["json_schema"]["strict"] is False


def test_cerebras_is_asked_for_no_more_than_its_quota_bears() -> None:
    with At("cerebras") as at:
        at.ask()
        assert at.body["max_completion_tokens"] == 4096
        at.ask(max_tokens=7)
        assert at.body["max_completion_tokens"] == 7
        flat = at.fake.chunk(message="Encountered a server error", type="server_error", code="server_error")
        assert at.ask(at.fake.stream([flat.replace(b'"choices"', b'"x"')]))["type"] == "provider_error"


def test_deepseek_takes_a_temperature_while_it_does_not_think() -> None:
    with At("deepseek") as at:
        assert at.ask(temperature=0.5)["dropped_params"] == ["temperature"]
        assert at.ask(temperature=0.5, reasoning_effort="none")["dropped_params"] == []
        assert (at.body["temperature"], at.body["thinking"]) == (0.5, {"type": "disabled"})


@pytest.mark.parametrize("provider", ["deepseek", "zai", "qwen"])
def test_a_schema_that_the_provider_does_not_take_stands_in_the_instructions(provider: str) -> None:
    with At(provider) as at:
        for system in (None, "Be brief."):
            arguments = {"system": system} if system else {}
            record = at.ask(at.fake.text(None, '{"a": 1}'), response_schema=SCHEMA, **arguments)
            assert (record["structured"], record["warnings"]) == ({"a": 1}, [])
            first = at.body["messages"][0]
            assert first["role"] == "system"
            assert first["content"].startswith(system or "Answer with a JSON object")
            assert '"properties"' in first["content"]


@pytest.mark.parametrize(
    ("provider", "word", "kind"),
    [
        ("deepseek", "insufficient_system_resource", "overloaded"),
        ("zai", "network_error", "provider_error"),
        ("zai", "sensitive", "content_filter"),
        ("vllm", "error", "provider_error"),
    ],
)
def test_an_answer_that_ends_with_a_failure_is_none(provider: str, word: str, kind: str) -> None:
    with At(provider) as at:
        assert at.ask(at.fake.text(None, "Half", stop=word))["type"] == kind


def test_zais_context_may_be_full() -> None:
    with At("zai") as at:
        record = at.ask(at.fake.text(None, "Half", stop="model_context_window_exceeded"))
        assert (record["stop_reason"], record["native_stop_reason"]) == ("max_tokens", "model_context_window_exceeded")


def test_zai_is_sent_texts_in_one_piece() -> None:
    parts = [{"type": "text", "text": "I "}, {"type": "text", "text": "see."}]
    image = {"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="}
    turns = [{"role": "user", "content": [*parts, image]}, {"role": "assistant", "content": parts}]
    with At("zai") as at:
        at.ask(messages=[*turns, {"role": "user", "content": "And?"}])
        contents = [message["content"] for message in at.body["messages"]]
        assert contents[1:] == ["I see.", "And?"]
        assert [part["type"] for part in contents[0]] == ["text", "text", "image_url"]


@pytest.mark.parametrize(
    ("model", "lacking"),
    [
        ("grok-4.7", {"stop"}),
        ("grok-4-fast-non-reasoning", {"reasoning_effort"}),
        ("grok-code-fast-1", {"stop", "reasoning_effort"}),
        ("grok-3-mini", {"stop"}),
        ("grok-3", set()),
    ],
)
def test_what_xais_models_lack(model: str, lacking: set[str]) -> None:
    assert load_provider("xai", {}).ignores(model) == lacking


def test_a_code_beside_xais_error_under_a_good_status_counts() -> None:
    with At("xai") as at:
        assert at.ask(json_reply({"code": "429", "error": "Too many requests"}, 200))["type"] == "rate_limit"


def test_nvidias_thinking_is_switched_in_the_template() -> None:
    with At("nvidia") as at:
        for effort, sent in (("none", {"enable_thinking": False}), ("high", {"enable_thinking": True})):
            at.ask(reasoning_effort=effort)
            assert at.body["chat_template_kwargs"] == sent
            assert "reasoning_effort" not in at.body


def test_qwen_answers_without_a_schema_where_thinking_excludes_one() -> None:
    text = "Json mode response is not supported when enable_thinking is true"
    with At("qwen") as at:
        record = at.ask(at.fake.error(400, text), response_schema=SCHEMA, reasoning_effort="high")
        assert (record["is_error"], record["dropped_params"]) == (False, ["response_schema"])


@pytest.mark.parametrize("provider", ["lmstudio", "vllm"])
def test_a_local_server_is_asked_for_the_first_model_that_it_lists(provider: str) -> None:
    with At(provider) as at:
        record = ask_again(at.server)
        assert (record["model"], record["warnings"], record["auth_mode"]) == (at.fake.model, [], "none")
        assert at.body["model"] == at.fake.model
        at.fake.script(json_reply({"object": "list", "data": []}))
        record = ask_again(at.server)
        assert record["type"] == "model_not_found"
        assert "load one" in record["message"]


def test_a_local_servers_key_is_sent_if_it_has_one() -> None:
    with At("vllm", VLLM_API_KEY="made-up-key-42") as at:
        assert ask_again(at.server)["auth_mode"] == "api_key"
        assert at.fake.requests[-1].headers["authorization"] == "Bearer made-up-key-42"


def test_a_local_server_counts_as_configured_once_it_has_an_address() -> None:
    assert not load_provider("lmstudio", {}).configured()
    assert load_provider("lmstudio", {"LMSTUDIO_BASE_URL": "http://127.0.0.1:1234/v1"}).configured()
    assert not load_provider("groq", {}).configured()
    assert load_provider("groq", {"GROQ_API_KEY": "made-up-key-42"}).configured()


def test_what_the_sdk_reads_for_openai_goes_to_no_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"OPENAI_API_KEY": "sk-other", "OPENAI_ORG_ID": "org", "OPENAI_CUSTOM_HEADERS": "X-Secret: s"}
    with At("groq", **secrets) as at:
        at.ask()
        assert "x-secret" not in at.fake.requests[-1].headers


def test_a_model_of_a_preset_by_the_names_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.client import DirectModel, MCPModel

    class GroqModel(DirectModel):
        provider_name = "groq"

    with FAKE_OF["groq"]() as fake:
        monkeypatch.setenv("GROQ_BASE_URL", fake.environment()["GROQ_BASE_URL"])
        with MCPModel("groq", None, "groq", fake.key) as model, GroqModel(None, {"GROQ_API_KEY": fake.key}) as direct:
            for result in (model.call("Hello?"), direct.call("Hello?")):
                assert result["output"] == "Hello from the fake."
                assert result["provider"] == "groq"


def test_the_models_of_a_local_server_are_listed() -> None:
    with At("lmstudio") as at:
        listed = at.server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
        assert json.dumps(listed["_meta"]).count('"id"') == 3
        assert PRESETS["lmstudio"].default_model == FIRST_LISTED
