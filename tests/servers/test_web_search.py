"""A search of the web within a call: what is asked for, what comes back, and what it costs. The providers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import mcp_types
import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import pricing
from mcp_models.servers.core.completion import Citation, Completion, CompletionRequest, Usage
from mcp_models.servers.core.price_bound import highest_cost_usd
from mcp_models.servers.core.protocol import META_COMPLETION
from mcp_models.servers.core.result import completion_result
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.tools import extras
from tests import official
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply, Request
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.openai import FakeOpenAIResponses, responses_stream, searched
from tests.fakes.provider import FakeProvider

PAGES = (("https://example.com/a", "A page"), ("https://example.com/b", ""))


def _openai(fake: FakeProvider, *pages: tuple[str, str]) -> Reply:
    request = Request("POST", "", {}, {"model": fake.model})
    return responses_stream(request, text="It is so.", output=searched("It is so.", *pages))


def _searched(fake: Any, *pages: tuple[str, str]) -> Reply:
    reply: Reply = fake.searched(*pages)
    return reply


CASES: list[tuple[type[FakeProvider], Callable[..., Reply], dict[str, Any], str]] = [
    (FakeOpenAIResponses, _openai, {"tools": [{"type": "web_search"}], "max_tool_calls": 5}, "It is so."),
    (
        FakeAnthropic,
        _searched,
        {
            "tools": [
                {"type": "web_search_20260318", "name": "web_search", "max_uses": 5, "allowed_callers": ["direct"]},
            ]
        },
        "I look.\n\nIt is so.",
    ),
    (FakeGoogleAIStudio, _searched, {"tools": [{"googleSearch": {}}]}, "It is so."),
]
each = pytest.mark.parametrize(("fake_class", "answer", "sent", "text"), CASES, ids=[case[0].__name__ for case in CASES])


def complete(fake: FakeProvider, env: dict[str, str] | None = None, **arguments: Any) -> tuple[dict[str, Any], str]:
    """Make a call in this process, and return its result and the text that came in pieces."""
    pieces: list[str] = []

    async def called() -> dict[str, Any]:
        given = {**fake.environment(), "MCP_MODELS_LEDGER": "off", **(env or {})}
        service = CompletionService(load_provider(fake.provider, given))
        try:
            return await service.call_tool("complete", {"prompt": "Is it so?", **arguments}, pieces.append)
        finally:
            await service.aclose()

    return asyncio.run(called()), "".join(pieces)


@each
def test_the_pages_that_an_answer_cites_stand_in_the_record_and_in_a_note(
    fake_class: type[FakeProvider], answer: Callable[..., Reply], sent: dict[str, Any], text: str
) -> None:
    with fake_class() as fake:
        reply = answer(fake, *PAGES, PAGES[0], ("javascript:alert(1)", "x"))
        official.check_answer(fake.provider, reply.chunks or ())
        fake.script(reply)
        result, streamed = complete(fake, model=fake.model, web_search=True)
        (request,) = fake.requests
    official.check(fake.provider, request)
    assert {name: request.body[name] for name in sent} == sent
    record = result["_meta"]["mcp-models/completion"]
    assert (result["content"][0]["text"], streamed) == (text, text)
    assert [(page["url"], page["title"]) for page in record["citations"]] == list(PAGES)
    (note,) = result["content"][1:]
    assert note["text"] == "\n\n[Sources: 1. A page https://example.com/a; 2. https://example.com/b]"
    assert record["stop_reason"] == "end_turn"
    assert record["usage"]["web_searches"] == (1 if fake.model.startswith("gemini-2") else 2)
    mcp_types.CallToolResult.model_validate(result)


@each
def test_without_a_wish_nothing_is_searched(
    fake_class: type[FakeProvider], answer: Callable[..., Reply], sent: dict[str, Any], text: str
) -> None:
    with fake_class() as fake:
        for wish in (None, False):
            result, _ = complete(fake, model=fake.model, web_search=wish)
            assert len(result["content"]) == 1
            assert result["_meta"]["mcp-models/completion"]["citations"] == []
        assert not any(request.body.keys() & sent for request in fake.requests)


def test_what_is_no_page_is_no_source() -> None:
    with FakeAnthropic() as fake:
        fake.script(fake.searched(("javascript:alert(1)", "x")))
        result, _ = complete(fake, model=fake.model, web_search=True)
    assert len(result["content"]) == 1


def test_a_citation_that_makes_no_sense_loses_no_answer() -> None:
    pages: list[Any] = [Citation(None), Citation("https://a.example/" + "x" * 5000), Citation("https://b.example", {})]  # type: ignore[arg-type]
    completion = Completion(text="It is so.", model="m", stop_reason="end_turn", citations=pages)
    result = completion_result(completion)
    assert result["content"][0]["text"] == "It is so."
    assert result["_meta"][META_COMPLETION]["citations"] == [{"url": "https://b.example", "title": ""}]


def test_a_search_that_fails_is_told() -> None:
    with FakeAnthropic() as fake:
        reply = fake.searched(error="max_uses_exceeded")
        official.check_answer("anthropic", reply.chunks or ())
        fake.script(reply)
        result, _ = complete(fake, model=fake.model, web_search="true")
    assert "a search of the web failed: max_uses_exceeded" in result["_meta"]["mcp-models/completion"]["warnings"]


def test_only_servers_that_search_have_the_argument() -> None:
    having = {name for name in server_modules() if "web_search" in extras(load_provider(name, {}))}
    assert having == {"openai", "anthropic", "google_ai_studio"}
    for env in (
        {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"},
        {"OPENAI_WIRE_API": "chat"},
        {"OPENAI_CHATGPT_LOGIN_MODE": "true"},
        {"OPENAI_WIRE_API": "?"},
    ):
        assert extras(load_provider("openai", env)) == ()


def test_openai_searches_in_one_api_only() -> None:
    with FakeOpenAIResponses() as fake:
        result, _ = complete(fake, model=fake.model, web_search=True, seed=1)
        assert "which has neither `stop` nor `seed`: leave them out" in result["content"][0]["text"]
        assert fake.requests == []


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [("openai", "gpt-5.2", 0.03), ("anthropic", "claude-sonnet-4-6", 0.03), ("google_ai_studio", "gemini-3.8-flash", 0.042)],
)
def test_searches_are_in_the_cost_where_their_price_is_known(provider: str, model: str, dollars: float) -> None:
    adapter = load_provider(provider, {})
    bare, searched = (pricing.cost_usd(adapter, model, Usage(input_tokens=9, web_searches=count)) for count in (0, 3))
    assert bare is not None
    assert searched == pytest.approx(bare + dollars)


def test_searches_without_a_price_are_said_not_to_be_in_the_cost() -> None:
    completion = Completion(text="x", model="gpt-3.5-turbo", stop_reason="end_turn", auth_mode="api_key")
    completion.usage = Usage(input_tokens=9, web_searches=2)
    asyncio.run(pricing.book(load_provider("openai", {}), completion))
    assert completion.cost_usd
    assert completion.warnings == ["what 2 searches of the web cost is not in the cost"]


def test_the_bound_of_a_call_that_searches_is_above_what_it_can_cost() -> None:
    """After each of five searches the model may read its whole context, and write as much as it may."""
    request = CompletionRequest(prompt="x", web_search=True, max_tokens=1000, service_tier="standard")
    openai, anthropic = load_provider("openai", {}), load_provider("anthropic", {})
    most = Usage(input_tokens=6 * 400_000, output_tokens=6 * 1000, web_searches=5)
    assert (highest_cost_usd(openai, request, "gpt-5.2") or 0) >= (pricing.cost_usd(openai, "gpt-5.2", most) or 9e9)
    most = Usage(input_tokens=6 * 200_000, cache_write_tokens=6 * 200_000, output_tokens=6 * 1000, web_searches=5)
    bound = highest_cost_usd(anthropic, request, "claude-haiku-4-5") or 0
    assert bound >= (pricing.cost_usd(anthropic, "claude-haiku-4-5", most) or 9e9)
    assert highest_cost_usd(openai, request, "gpt-3.5-turbo") is None  # its searches have no price
    assert highest_cost_usd(load_provider("google_ai_studio", {}), request, "gemini-3.8-flash") is None  # nothing bounds them


def test_a_budget_in_dollars_refuses_what_it_cannot_bound(tmp_path: Any) -> None:
    with FakeGoogleAIStudio() as fake:
        env = {"MCP_MODELS_BUDGET": "5 USD/day", "MCP_MODELS_LEDGER": str(tmp_path / "ledger")}
        env |= {"GOOGLE_GEMINI_BASE_URL": "https://generativelanguage.googleapis.com"}
        result, _ = complete(fake, env, model="gemini-3.8-flash", web_search=True)
        assert "the price of gemini-3.8-flash with a search of the web is not known" in result["content"][0]["text"]
        assert fake.requests == []
