"""The Mistral provider, beyond the contract: chunks of content, refusals with 422, aliases and deprecation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fakes.mistral import FakeMistral
from tests.peer import Peer
from tests.servers.contract import ask, ask_again


@pytest.fixture
def mistral(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMistral]:
    with FakeMistral() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


def test_content_in_chunks_keeps_thinking_apart(mistral: FakeMistral) -> None:
    mistral.script(mistral.thinking_then("yes"))
    record = ask("mistral")
    assert (record["text"], record["reasoning"]) == ("yes", "hmm")


def test_a_temperature_that_is_too_high_is_the_callers_to_know(mistral: FakeMistral) -> None:
    with Peer("mistral") as server:
        record = ask_again(server, temperature=1.8)
        assert (record["type"], record["status"]) == ("invalid_request", 422)
        assert "temperature: Input should be less than or equal to 1.5" in record["message"]
        assert ask_again(server, temperature=1.5)["dropped_params"] == []


def test_top_p_with_greedy_sampling_is_dropped(mistral: FakeMistral) -> None:
    record = ask("mistral", temperature=0, top_p=0.5)
    assert record["dropped_params"] == ["top_p"]


def test_any_other_422_names_the_field(mistral: FakeMistral) -> None:
    mistral.script(mistral.invalid("messages", "Last message must have role user"))
    record = ask("mistral")
    assert (record["type"], record["status"]) == ("invalid_request", 422)
    assert "messages: Last message must have role user" in record["message"]


@pytest.mark.parametrize(
    ("alias", "model", "warned"),
    [
        ("small", "mistral-medium-latest", False),
        ("code", "codestral-2508", False),
        ("medium", "mistral-large-latest", True),
        ("mini", "ministral-3b-latest", True),
        ("devstral", "mistral-medium-3-5", True),
    ],
)
def test_aliases(mistral: FakeMistral, alias: str, model: str, warned: bool) -> None:
    record = ask("mistral", model=alias)
    assert mistral.seen(mistral.requests[0]).model == model
    assert [model in warning for warning in record["warnings"]] == [True] * warned


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("mistral-medium-latest", "none", "none"),
        ("mistral-medium-latest", "minimal", "none"),
        ("mistral-small-2603", "low", "high"),
        ("mistral-medium-3-5", "max", "high"),
        ("mistral-large-4", "xhigh", "high"),
        ("mistral-large-4", "medium", "medium"),
        ("brand-new", "xhigh", "xhigh"),
        ("magistral-medium-latest", "high", None),
        ("codestral-2508", "high", None),
        ("mistral-large-2512", "high", None),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_has(mistral: FakeMistral, model: str, effort: str, sent: str | None) -> None:
    record = ask("mistral", model=model, reasoning_effort=effort)
    assert mistral.seen(mistral.requests[0]).reasoning_effort == sent
    assert record["dropped_params"] == ([] if sent else ["reasoning_effort"])
    assert bool(record["warnings"]) is (sent not in (effort, None))


def test_a_last_turn_of_the_assistants_is_the_beginning_of_the_answer(mistral: FakeMistral) -> None:
    turns = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One,"}]
    ask("mistral", messages=turns)
    assert [message.get("prefix") for message in mistral.requests[0].body["messages"]] == [None, True]
    ask("mistral", messages=[*turns, {"role": "user", "content": "Go on."}])
    assert not any(message.get("prefix") for message in mistral.requests[1].body["messages"])


@pytest.mark.parametrize(
    "counts",
    [{"num_cached_tokens": 7}, {"prompt_token_details": {"cached_tokens": 7}}, {"prompt_tokens_details": {"cached_tokens": 7}}],
    ids=str,
)
def test_cached_tokens_under_each_of_their_names(mistral: FakeMistral, counts: dict[str, object]) -> None:
    reply = mistral.text(None, "Hello")
    reply.chunks = [
        chunk.replace(b'"prompt_tokens_details": {"cached_tokens": 5}', json.dumps(counts)[1:-1].encode())
        for chunk in reply.chunks or ()
    ]
    mistral.script(reply)
    assert ask("mistral")["usage"]["cache_read_tokens"] == 7


@pytest.mark.parametrize(
    ("environment", "model"),
    [
        ({"MISTRAL_MODEL": "from-mistral"}, "from-mistral"),
        ({"MODEL_DEFAULT": "from-default"}, "from-default"),
        ({"MISTRAL_MODEL": "from-mistral", "MODEL_DEFAULT": "from-default"}, "from-mistral"),
    ],
)
def test_the_default_model_from_the_environment(
    mistral: FakeMistral, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], model: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ask("mistral")
    assert mistral.seen(mistral.requests[0]).model == model


def test_an_ordinary_schema_is_closed_and_an_open_one_is_not_strict(mistral: FakeMistral) -> None:
    with Peer("mistral") as server:
        mistral.script(mistral.text(None, "{}"), mistral.text(None, "{}"))
        ask_again(server, response_schema={"type": "object", "properties": {"a": {"type": "integer"}}})
        sent = mistral.requests[-1].body["response_format"]["json_schema"]
        assert (sent["strict"], sent["schema"]["additionalProperties"]) == (True, False)
        ask_again(server, response_schema={"type": "object", "additionalProperties": {"type": "integer"}})
        assert mistral.requests[-1].body["response_format"]["json_schema"]["strict"] is False


def test_a_price_that_sources_differ_about_is_not_told() -> None:
    from mcp_models.servers.core.completion import Usage
    from mcp_models.servers.core.pricing import cost_usd
    from mcp_models.servers.mistral_mcp_server import Mistral

    assert cost_usd(Mistral({}), "mistral-large-4", Usage(input_tokens=10)) is None


def test_a_deprecation_header_is_a_warning(mistral: FakeMistral) -> None:
    reply = mistral.text(None, "Hello")
    reply.headers["x-model-deprecation-timestamp"] = "2027-03-31T12:00:00Z"
    mistral.script(reply)
    (warning,) = ask("mistral")["warnings"]
    assert "2027-03-31" in warning


def test_the_base_url_may_end_with_v1_or_not(mistral: FakeMistral, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", mistral.url)
    assert not ask("mistral")["is_error"]
    assert mistral.requests[0].path.startswith("/v1/chat/completions")


def test_a_failure_of_the_model_in_mid_stream(mistral: FakeMistral) -> None:
    mistral.script(mistral.text(None, "Half an", stop="error"))
    record = ask("mistral")
    assert (record["type"], record["partial"]) == ("provider_error", "Half an")


def test_a_service_accounts_token_does_not_beat_the_key(
    mistral: FakeMistral, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("MISTRAL_SA_TOKEN_PATH", f"{tmp_path}/nowhere")
    assert not ask("mistral")["is_error"]


def test_the_sdk_puts_no_limit_of_its_own_on_silence(mistral: FakeMistral) -> None:
    from mcp_models.servers.mistral_mcp_server import FOREVER_MS, Mistral

    client = Mistral(mistral.environment()).connect()
    assert client.sdk_configuration.timeout_ms == FOREVER_MS


def test_many_calls_share_one_client(mistral: FakeMistral) -> None:
    with Peer("mistral") as server:
        assert all(not ask_again(server)["is_error"] for _ in range(3))
