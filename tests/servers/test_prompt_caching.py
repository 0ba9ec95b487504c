"""Prompt caches: what is sent so that they are used where that is free or pays for itself, and what their tokens cost."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_models.servers.anthropic_mcp_server import Anthropic
from mcp_models.servers.core.adaptation import Adaptation, cache_key, learnt_of
from mcp_models.servers.core.completion import CompletionRequest, Message
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.mistral_mcp_server import Mistral
from mcp_models.servers.openai_api import OpenAIAPI
from tests import official
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Request
from tests.fakes.mistral import FakeMistral
from tests.fakes.openai import FakeOpenAI, error
from tests.servers.contract import ask, ask_again, server_of

LONG = "Be brief. " * 2000
TURNS = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
CONVERSATION = [{"role": turn.role, "content": turn.content} for turn in TURNS]
MARK = {"mode": "explicit"}


def key_of(**fields: Any) -> str:
    return cache_key(CompletionRequest(**{"prompt": "x", "model": "m", **fields}))


def test_the_key_is_that_of_the_beginning_which_the_prompt_does_not_change() -> None:
    keys = [key_of(), key_of(model="n"), key_of(system="s"), key_of(response_schema={}), key_of(system="t")]
    assert len(set(keys)) == len(keys)
    assert key_of(prompt="y", max_tokens=5, temperature=1.0) == key_of()
    assert len(key_of()) == 32


def test_nothing_of_the_text_can_be_read_from_the_key() -> None:
    assert set(key_of(system="secret")) <= set("0123456789abcdef")
    assert b"secret".hex() not in key_of(system="secret")


@pytest.fixture
def openais(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> FakeOpenAI:
    """The fake, in the place of OpenAI's own address."""
    monkeypatch.setattr(OpenAIAPI, "_is_openais", lambda self: True)
    return openai


async def asked(
    openai: FakeOpenAI, service: CompletionService | None = None, **arguments: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a call in this process, and return the last request's body and the result's record or error."""
    given = {"prompt": "Hello?", **arguments}
    if "messages" in given:
        del given["prompt"]
    asked_service = service or CompletionService(OpenAIAPI())
    result = await asked_service.call_tool("complete", given, lambda text: None)
    if service is None:
        await asked_service.provider.aclose()
    official.check("openai", openai.requests[-1])
    return openai.requests[-1].body, next(iter(result["_meta"].values()))


async def test_openai_gets_a_key_and_up_to_gpt_5_5_nothing_else(openais: FakeOpenAI) -> None:
    body, _ = await asked(openais, model="gpt-5.5", system=LONG)
    assert body["prompt_cache_key"] == key_of(model="gpt-5.5", system=LONG)
    assert body["instructions"] == LONG
    assert "prompt_cache_options" not in body


@pytest.mark.parametrize("model", ["gpt-5.6-sol", "gpt-6.1-terra", "gpt-6-luna"])
async def test_where_a_write_costs_money_a_lone_prompt_is_not_written(openais: FakeOpenAI, model: str) -> None:
    body, _ = await asked(openais, model=model, system="Be brief.")
    assert body["prompt_cache_options"] == MARK
    assert body["instructions"] == "Be brief."


async def test_the_end_of_a_long_system_prompt_is_marked(openais: FakeOpenAI) -> None:
    body, _ = await asked(openais, model="gpt-5.6-sol", system=LONG)
    assert "instructions" not in body
    marked = {"type": "input_text", "text": LONG, "prompt_cache_breakpoint": MARK}
    assert body["input"][0] == {"type": "message", "role": "developer", "content": [marked]}
    body, _ = await asked(openais, model="gpt-5.6-sol", system=LONG, seed=1)
    assert body["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": LONG, "prompt_cache_breakpoint": MARK}],
    }


async def test_a_conversation_is_written_to_its_end_as_the_next_call_goes_on_with_it(openais: FakeOpenAI) -> None:
    body, _ = await asked(openais, model="gpt-5.6-sol", messages=CONVERSATION)
    assert "prompt_cache_options" not in body


@pytest.mark.parametrize("field", ["prompt_cache_key", "prompt_cache_options"])
async def test_a_model_that_refuses_the_fields_is_asked_without_them_from_then_on(openais: FakeOpenAI, field: str) -> None:
    openais.script(error(400, f"Unsupported parameter: '{field}' is not supported with this model.", param=field))
    service = CompletionService(OpenAIAPI())
    for requests in (2, 3):
        body, record = await asked(openais, service, model="gpt-5.6-sol", system=LONG)
        assert len(openais.requests) == requests
        assert not {"prompt_cache_key", "prompt_cache_options"} & body.keys()
        assert body["instructions"] == LONG
        assert (record["dropped_params"], record["warnings"]) == ([], [])
    await service.provider.aclose()


def test_a_compatible_server_gets_no_field_that_it_may_not_know(openai: FakeOpenAI) -> None:
    ask("openai", model="gpt-5.6-sol", system=LONG)
    assert not {"prompt_cache_key", "prompt_cache_options"} & openai.requests[0].body.keys()


def test_mistral_gets_the_key_and_is_asked_without_it_if_it_refuses_it() -> None:
    with FakeMistral() as mistral, server_of(mistral) as server:
        ask_again(server, system="s")
        assert mistral.requests[0].body["prompt_cache_key"] == key_of(model="mistral-medium-latest", system="s")
        mistral.script(mistral.invalid("prompt_cache_key", "Extra inputs are not permitted"))
        record = ask_again(server, system="s")
        assert (record["is_error"], record["dropped_params"]) == (False, [])
        assert "prompt_cache_key" not in mistral.requests[-1].body


@pytest.mark.parametrize(
    ("model", "characters", "marked"),
    [
        ("claude-sonnet-4-6", 4096, True),
        ("claude-sonnet-4-6", 4095, False),
        ("claude-opus-5", 2048, True),
        ("claude-opus-4-7", 8191, False),
        ("claude-opus-4-6", 16_384, True),
        ("claude-haiku-4-5-20251001", 16_383, False),
        ("claude-opus-5-5", 4096, True),
    ],
)
def test_claude_gets_a_breakpoint_from_the_length_that_its_model_caches(model: str, characters: int, marked: bool) -> None:
    system = "x" * characters
    payload = Anthropic({}).payload(CompletionRequest(prompt="x", model=model, system=system))
    text = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
    assert payload["system"] == (text if marked else system)


def test_what_claude_keeps_for_an_hour_is_counted_apart() -> None:
    created = {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 30}
    with FakeAnthropic() as anthropic, server_of(anthropic) as server:
        anthropic.script(anthropic.used(cache_creation_input_tokens=40, cache_creation=created))
        usage = ask_again(server)["usage"]
    assert (usage["cache_write_tokens"], usage["cache_write_1h_tokens"], usage["input_tokens"]) == (40, 30, 60)


def test_only_a_provider_with_such_a_cache_gets_a_key() -> None:
    request = CompletionRequest(prompt="x", model="m")
    for provider, takes in ((Mistral({}), True), (OpenAIAPI({}), True), (Anthropic({}), False)):
        sent = Adaptation(request, provider, learnt_of(provider, "m")).request()
        assert (sent.cache_key is not None) is takes


def test_the_official_types_refuse_a_mark_that_there_is_not() -> None:
    import pydantic

    part = {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "implicit"}}
    body = {"model": "m", "input": [{"role": "developer", "content": [part]}], "stream": True}
    with pytest.raises(pydantic.ValidationError):
        official.check("openai", Request("POST", "/v1/responses", {}, body))
