"""The Google AI Studio provider, beyond the contract: how the key is sent, blocked prompts, and levels of thinking."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mcp_models.servers.google_ai_studio_mcp_server import GoogleAIStudio
from tests.fakes.endpoint import Reply, json_reply
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.servers.contract import ask

GEMINI = "google_ai_studio"


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGoogleAIStudio]:
    with FakeGoogleAIStudio() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


def test_output_includes_thinking_and_input_the_cached_tokens(google: FakeGoogleAIStudio) -> None:
    assert ask(GEMINI, model="gemini-2.5-flash")["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 4,
        "web_searches": 0,
    }


def test_the_key_travels_in_a_header(google: FakeGoogleAIStudio) -> None:
    ask(GEMINI)
    assert google.key not in google.requests[0].path
    assert google.requests[0].headers["x-goog-api-key"] == google.key


def test_the_other_name_of_the_key(google: FakeGoogleAIStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY")
    monkeypatch.setenv("GEMINI_API_KEY", google.key)
    assert not ask(GEMINI)["is_error"]
    monkeypatch.delenv("GEMINI_API_KEY")
    assert "neither GOOGLE_API_KEY nor GEMINI_API_KEY is set" in ask(GEMINI)["message"]


def test_a_bad_key_is_an_authentication_error_though_google_says_400(
    google: FakeGoogleAIStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-another-made-up-key")
    record = ask(GEMINI)
    assert (record["type"], record["status"]) == ("authentication", 400)


def test_a_blocked_prompt_says_why(google: FakeGoogleAIStudio) -> None:
    google.script(google.refusals()[0][0])
    record = ask(GEMINI)
    assert (record["type"], record["request_id"]) == ("content_filter", "req_fake")
    assert "PROHIBITED_CONTENT" in record["message"]


def test_an_answer_stopped_midway_keeps_what_had_come(google: FakeGoogleAIStudio) -> None:
    google.script(google.refusals()[1][0])
    record = ask(GEMINI)
    assert (record["type"], record["partial"]) == ("content_filter", "Well, ")


def test_thinking_is_kept_apart_from_the_answer(google: FakeGoogleAIStudio) -> None:
    google.script(google.thinking_then("yes"))
    record = ask(GEMINI)
    assert (record["text"], record["reasoning"]) == ("yes", "hmm")


@pytest.mark.parametrize(
    ("model", "takes"), [("gemini-2.5-flash", True), ("gemini-3.5-flash", False), ("gemini-4-argon", False)]
)
def test_the_default_temperature_spares_gemini_3_and_later(model: str, takes: bool) -> None:
    assert GoogleAIStudio({}).takes_temperature(model) is takes


def test_googles_own_delay_is_kept(google: FakeGoogleAIStudio) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13.5s"}]
    body = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}
    google.script(json_reply(body, 429))
    assert ask(GEMINI)["retry_after"] == 13.5


@pytest.mark.parametrize("model", ["../../x", "a/b?key=1", "models/gemini-2.5-flash"])
def test_a_models_name_cannot_choose_another_address(google: FakeGoogleAIStudio, model: str) -> None:
    ask(GEMINI, model=model)
    path = google.requests[0].path
    assert path.startswith("/v1beta/models/")
    assert path.endswith(":streamGenerateContent?alt=sse")
    assert path.count("/") == 3
    assert path.count("?") == 1


def test_a_level_of_thinking_that_a_model_lacks_is_dropped(google: FakeGoogleAIStudio) -> None:
    google.script(google.error(400, "Thinking level is not supported for this model."))
    record = ask(GEMINI, reasoning_effort="high")
    assert (record["is_error"], record["dropped_params"]) == (False, ["reasoning_effort"])


def test_an_error_in_mid_stream_is_known_by_its_code(google: FakeGoogleAIStudio) -> None:
    google.script(google.failing_midway())
    record = ask(GEMINI)
    assert (record["type"], record["retryable"], record["partial"]) == ("overloaded", True, "Half an")
    assert "The model is overloaded" in record["message"]


@pytest.mark.parametrize(
    ("model", "dropped"),
    [
        ("gemini-2.5-flash", []),
        ("gemini-3.1-flash-lite", []),
        ("gemini-3.5-flash", ["temperature"]),
        ("gemini-3.5-flash-lite", ["temperature"]),
        ("gemini-3.8-flash", ["temperature"]),
    ],
)
def test_a_temperature_that_a_model_would_disregard_is_reported(
    google: FakeGoogleAIStudio, model: str, dropped: list[str]
) -> None:
    assert ask(GEMINI, model=model, temperature=0.2)["dropped_params"] == dropped


def test_the_default_model_is_the_one_that_answers(google: FakeGoogleAIStudio) -> None:
    """gemini-3.5-flash was the default, but another model answers for it, and every call would warn about that."""
    ask(GEMINI)
    assert google.seen(google.requests[0]).model == "gemini-3.6-flash"


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gemini-3.6-flash", "none", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.6-flash", "max", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.7-flash", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.8-flash", "none", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-4-argon", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-4-hydrogen", "max", {"thinkingLevel": "XHIGH", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("models/gemini-2.5-pro", "none", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemma-4-31b", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("brand-new", "xhigh", {"thinkingLevel": "XHIGH", "includeThoughts": True}),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_has(
    google: FakeGoogleAIStudio, model: str, effort: str, sent: dict[str, object]
) -> None:
    ask(GEMINI, model=model, reasoning_effort=effort)
    assert google.requests[0].body["generationConfig"]["thinkingConfig"] == sent


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ESCALATION", "content_filter"),
        ("PUP_LIMITED_DISABLED", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("MALFORMED_RESPONSE", "provider_error"),
    ],
)
def test_a_finish_reason_that_is_a_failure_is_never_an_answer(google: FakeGoogleAIStudio, word: str, kind: str) -> None:
    google.script(google.text(None, "Well,", stop=word))
    record = ask(GEMINI)
    assert (record["type"], record["partial"]) == (kind, "Well,")


@pytest.mark.parametrize(("word", "stop"), [("CONTINUATION", "max_tokens"), ("TOO_MANY_TOOL_CALLS", "tool_use")])
def test_other_finish_reasons(google: FakeGoogleAIStudio, word: str, stop: str) -> None:
    google.script(google.text(None, "Well,", stop=word))
    assert ask(GEMINI)["stop_reason"] == stop


def test_an_error_in_a_list_is_read_like_any_other(google: FakeGoogleAIStudio) -> None:
    google.script(json_reply([{"error": {"code": 400, "message": "Contents are wrong", "status": "INVALID_ARGUMENT"}}], 400))
    assert "Google AI Studio: Contents are wrong (HTTP 400)." in ask(GEMINI)["message"]


def test_null_for_parts_is_no_parts(google: FakeGoogleAIStudio) -> None:
    event = {"candidates": [{"content": {"role": "model", "parts": None}, "finishReason": "STOP"}]}
    google.script(Reply(200, f"data: {json.dumps(event)}\n\n".encode(), content_type="text/event-stream"))
    assert ask(GEMINI)["type"] == "empty_output"


def test_an_ordinary_schema_is_translated(google: FakeGoogleAIStudio) -> None:
    schema = {"properties": {"a": {"const": "x"}, "b": {"type": "string", "pattern": "^y", "minLength": 2}}, "required": ["a"]}
    google.script(google.text(None, '{"a": "x"}'))
    assert ask(GEMINI, response_schema=schema)["structured"] == {"a": "x"}
    assert google.requests[0].body["generationConfig"]["responseJsonSchema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "enum": ["x"]},
            "b": {"type": "string", "description": "{pattern: ^y, minLength: 2}"},
        },
        "required": ["a"],
    }


def test_a_level_that_a_model_lacks_is_the_callers_to_know(google: FakeGoogleAIStudio) -> None:
    google.script(
        google.error(400, "Thinking level MINIMAL is not supported for this model. Please retry with other thinking level.")
    )
    assert ask(GEMINI, reasoning_effort="minimal")["type"] == "invalid_request"


def test_an_https_image_is_refused(google: FakeGoogleAIStudio) -> None:
    messages = [{"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png"}]}]
    assert ask(GEMINI, messages=messages)["type"] == "invalid_request"


def test_a_schema_asks_for_json(google: FakeGoogleAIStudio) -> None:
    google.script(google.text(None, json.dumps({"a": 1})))
    assert ask(GEMINI, response_schema={"type": "object"})["structured"] == {"a": 1}
    assert google.requests[0].body["generationConfig"]["responseMimeType"] == "application/json"
