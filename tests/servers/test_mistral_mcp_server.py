"""The Mistral provider, beyond the contract: chunks of content, refusals of a 422, aliases, deprecation."""

from __future__ import annotations

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
