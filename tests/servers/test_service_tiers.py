"""The argument `service_tier`: who has it, what is sent, which tier the record names, and what a tier without room means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core.tools import tools
from tests import official
from tests.fakes import FAKES
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.openai import FakeOpenAI, error
from tests.fakes.provider import FakeProvider
from tests.servers.contract import ask, ask_again, server_of

HAVE = {
    "openai": {"auto": "auto", "standard": "default", "flex": "flex", "priority": "priority"},
    "google_ai_studio": {"standard": "standard", "flex": "flex", "priority": "priority"},
    "anthropic": {"auto": "auto", "standard": "standard_only"},
    "mistral": {"auto": "auto", "standard": "standard_only"},
}
ANSWERED = {("openai", "auto"): "standard", ("anthropic", "auto"): "standard", ("mistral", "auto"): "priority"}


def offered(name: str) -> list[str] | None:
    properties = tools(load_provider(name))[0]["inputSchema"]["properties"]
    return properties["service_tier"]["enum"] if "service_tier" in properties else None


@pytest.mark.parametrize("name", sorted(server_modules()))
def test_a_server_offers_the_tiers_that_its_provider_has(name: str) -> None:
    assert offered(name) == (list(HAVE[name]) if name in HAVE else None)


def test_a_server_without_tiers_names_the_argument_that_it_does_not_have() -> None:
    record = ask("echo", service_tier="flex")
    assert record["type"] == "invalid_request"
    assert "service_tier: unknown argument" in record["message"]


def test_a_tier_of_another_provider_is_refused_with_those_that_there_are() -> None:
    with FakeAnthropic() as anthropic, server_of(anthropic) as server:
        for tier in ("flex", "fast"):
            record = ask_again(server, service_tier=tier)
            assert record["type"] == "invalid_request"
            assert f'service_tier: expected "auto" or "standard", got "{tier}"' in record["message"]
        assert anthropic.requests == []


@pytest.fixture(params=[fake for fake in FAKES if fake.provider in HAVE], ids=lambda fake: fake.__name__)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeProvider]:
    with request.param() as endpoint:
        yield endpoint


def test_what_is_sent_has_the_providers_name_and_the_record_has_ours(fake: FakeProvider) -> None:
    with server_of(fake) as server:
        for tier, native in HAVE[fake.provider].items():
            record = ask_again(server, model=fake.model, service_tier=tier)
            body = fake.requests[-1].body
            official.check(fake.provider, fake.requests[-1])
            assert body["serviceTier" if fake.provider == "google_ai_studio" else "service_tier"] == native
            assert record["service_tier"] == ANSWERED.get((fake.provider, tier), tier)
        assert ask_again(server, model=fake.model)["service_tier"] == "standard"
        assert not {"service_tier", "serviceTier"} & fake.requests[-1].body.keys()


def test_gemini_may_say_the_tier_in_the_usage_instead_of_the_header() -> None:
    from mcp_models.servers.google_ai_studio_mcp_server import ContentAnswer

    answer = ContentAnswer()
    answer.add({"usageMetadata": {"promptTokenCount": 3, "serviceTier": "PRIORITY"}})
    assert answer.service_tier == "priority"


NO_ROOM = error(429, "Resource Unavailable", code="resource_unavailable")


@pytest.mark.parametrize("code", ["resource_unavailable", None])
def test_no_room_for_flex_at_openai_is_an_overload_that_is_tried_again(
    openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, code: str | None
) -> None:
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "1")
    openai.script(error(429, "Resource Unavailable", code=code))
    record = ask("openai", service_tier="flex")
    assert (record["is_error"], record["service_tier"]) == (False, "flex")
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "0")
    openai.script(NO_ROOM)
    record = ask("openai", service_tier="flex")
    assert (record["type"], record["retryable"], record["status"]) == ("overloaded", True, 429)


@pytest.mark.parametrize(("status", "kind"), [(503, "overloaded"), (429, "rate_limit")])
def test_no_room_for_flex_at_google_is_an_error_that_may_be_tried_again(status: int, kind: str) -> None:
    with FakeGoogleAIStudio() as fake, server_of(fake) as server:
        fake.script(fake.error(status, "The model is overloaded. Please try again later."))
        record = ask_again(server, service_tier="flex")
        assert (record["type"], record["retryable"]) == (kind, True)


def test_a_model_without_the_tier_is_an_error_as_it_would_cost_another_price(openai: FakeOpenAI) -> None:
    said = "Invalid service_tier argument: 'flex' is not supported with this model."
    openai.script(error(400, said, param="service_tier"))
    record = ask("openai", service_tier="flex")
    assert (record["type"], len(openai.requests)) == ("invalid_request", 1)


def test_a_login_drops_the_tier_and_says_so() -> None:
    from mcp_models.servers.codex import LACKING

    assert "service_tier" in LACKING


def test_the_bridge_passes_the_tier_on(openai: FakeOpenAI) -> None:
    from mcp_models.client import OpenAIMCPModel
    from tests.results import success

    with OpenAIMCPModel("m", env=dict(os.environ)) as model:
        assert success(model.call("x", service_tier="flex"))["service_tier"] == "flex"
        refused: Any = model.call("x", service_tier="fast")  # type: ignore[arg-type]
    assert refused["error_type"] == "invalid_request"
