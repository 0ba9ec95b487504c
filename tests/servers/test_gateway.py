"""A real gateway between our servers and the fakes: how the LiteLLM proxy handles our calls, and how we handle its answers.

If LiteLLM itself loses something, the test says what. Our record must be true all the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.checkout import ROOT
from tests.fakes.endpoint import Reply, Request
from tests.gateway import Gateway
from tests.gateway.upstreams import Chat, Messages, Responses, Upstream, until
from tests.peer import Peer, call, request
from tests.servers.contract import ask_again

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # LiteLLM takes long to start, and to install once

IMAGE = "iVBORw0KGgo="
CONVERSATION = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "Look:"}, {"type": "image", "url": f"data:image/png;base64,{IMAGE}"}],
    },
    {"role": "assistant", "content": "I see."},
    {"role": "user", "content": "And?"},
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}

CLAUDE = "claude-sonnet-4-6"
# LiteLLM accepts an effort only for models that it knows to reason.
REASONER = "gpt-5.2"


@dataclass
class Route:
    """One way through the gateway.

    Attributes:
        server: Our server.
        model: The gateway's name of the model.
        upstream: The provider behind the gateway.
        name: The API that our server uses, and the one that the upstream has.
    """

    server: Peer
    model: str
    upstream: Upstream
    name: str

    def ask(self, *replies: Reply, **arguments: Any) -> dict[str, Any]:
        """Make one call, which the upstream answers with the given replies."""
        self.upstream.forget()
        self.upstream.script(*replies)
        return ask_again(self.server, **{"model": self.model, **arguments})

    def text(self, *pieces: str, stop: str = "end_turn") -> Reply:
        """Return the upstream's answer in pieces."""
        return self.upstream.text(Request("POST", "", {}, {"model": self.model}), *pieces, stop=stop)

    def ask_for_half(self, cut: bool) -> dict[str, Any]:
        """Make one call whose answer breaks off after the first half has been read."""
        told = threading.Event()
        self.upstream.forget()
        self.upstream.script(Reply(chunks=until(told, self.upstream), cut=cut, content_type="text/event-stream"))
        self.server.send(call(1, {"prompt": "x", "model": self.model}, progressToken=1, **{"mcp-models/stream": True}))
        said = ""
        while "id" not in (read := self.server.read()):
            said += read["params"].get("_meta", {}).get("mcp-models/delta", "")
            if said == "Half an":
                told.set()
        error: dict[str, Any] = read["result"]["_meta"]["mcp-models/error"]
        return error


CHAT, RESPONSES, MESSAGES = "chat", "responses", "messages"
CHAT_TO_CHAT, CHAT_TO_MESSAGES = "chat to chat", "chat to messages"
RESPONSES_TO_RESPONSES, RESPONSES_TO_MESSAGES = "responses to responses", "responses to messages"
MESSAGES_TO_RESPONSES, MESSAGES_TO_MESSAGES = "messages to responses", "messages to messages"
ROUTES = [
    *(CHAT_TO_CHAT, CHAT_TO_MESSAGES),
    *(RESPONSES_TO_RESPONSES, RESPONSES_TO_MESSAGES),
    *(MESSAGES_TO_RESPONSES, MESSAGES_TO_MESSAGES),
]
MODELS = {CHAT: "gpt-x", RESPONSES: "gpt-y", MESSAGES: CLAUDE}


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    with Chat() as chat, Responses() as responses, Messages() as messages:
        yield {CHAT: chat, RESPONSES: responses, MESSAGES: messages}


@pytest.fixture(scope="module")
def gateway(upstreams: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    def models(provider: str, upstream: Upstream, path: str, *names: str) -> dict[str, dict[str, str]]:
        place = {"api_base": f"{upstream.url}{path}", "api_key": upstream.key}
        return {name: {"model": f"{provider}/{name}", **place} for name in names}

    known = {
        **models("openai", upstreams[CHAT], "/v1", MODELS[CHAT]),
        **models("openai", upstreams[RESPONSES], "/v1", MODELS[RESPONSES], REASONER),
        **models("anthropic", upstreams[MESSAGES], "", CLAUDE),
    }
    with Gateway(tmp_path_factory.mktemp("gateway"), known) as running:
        yield running


@pytest.fixture(scope="module")
def servers(gateway: Gateway) -> Iterator[dict[str, Peer]]:
    """Our servers, one for each API that the gateway offers."""
    common = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "tests" / "loopback_only"),
        "MCP_MODELS_MAX_RETRIES": "0",
        "OPENAI_API_KEY": gateway.key,
        "OPENAI_BASE_URL": f"{gateway.url}/v1",
        "ANTHROPIC_API_KEY": gateway.key,
        "ANTHROPIC_BASE_URL": gateway.url,
    }
    with ExitStack() as stack:
        yield {
            CHAT: stack.enter_context(Peer("openai", env={**common, "OPENAI_WIRE_API": "chat"})),
            RESPONSES: stack.enter_context(Peer("openai", env={**common, "OPENAI_WIRE_API": "responses"})),
            MESSAGES: stack.enter_context(Peer("anthropic", env=common)),
        }


@pytest.fixture(params=ROUTES)
def route(request: pytest.FixtureRequest, servers: dict[str, Peer], upstreams: dict[str, Upstream]) -> Route:
    ours, _, theirs = request.param.partition(" to ")
    return Route(servers[ours], MODELS[theirs], upstreams[theirs], request.param)


def test_a_plain_answer(route: Route) -> None:
    record = route.ask()
    assert (record["text"], record["is_error"]) == ("Hello from the fake.", False)
    assert (record["stop_reason"], record["dropped_params"], record["warnings"]) == ("end_turn", [], [])
    # From Responses to Responses, LiteLLM passes on the upstream's own name.
    assert record["model"] == ("gpt-y-2026-01-01" if route.name == RESPONSES_TO_RESPONSES else route.model)
    assert record["cost_usd"] is None
    assert record["usage"] == {
        "input_tokens": 20,
        "output_tokens": 10,
        "cache_read_tokens": 5,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "reasoning_tokens": 0 if route.name == MESSAGES_TO_RESPONSES else 4,  # LiteLLM drops them on this route
        "web_searches": 0,
    }


def test_a_system_prompt_several_turns_an_image_and_temperature_0_arrive(route: Route) -> None:
    record = route.ask(messages=CONVERSATION, system="Be brief.", max_tokens=99, temperature=0)
    assert (record["is_error"], record["dropped_params"]) == (False, []), record["text"]
    (asked,) = route.upstream.requests
    seen = route.upstream.seen(asked)
    assert seen.turns == [("user", "Look:"), ("assistant", "I see."), ("user", "And?")]
    assert (seen.images, seen.system, seen.max_tokens, seen.temperature) == ([IMAGE], "Be brief.", 99, 0)


def test_stop(route: Route) -> None:
    stopped = (route.text("One", stop="stop_sequence"),) if isinstance(route.upstream, Messages) else ()
    record = route.ask(*stopped, stop=["END"])
    assert (record["is_error"], record["dropped_params"]) == (False, []), record["text"]
    # OpenAI has the same word for both ways to end. Only Anthropic distinguishes them.
    assert record["stop_reason"] == ("stop_sequence" if route.name == MESSAGES_TO_MESSAGES else "end_turn")
    # Responses have no `stop`. LiteLLM silently drops it when it translates from Messages.
    assert route.upstream.seen(route.upstream.requests[-1]).stop == (None if route.name == MESSAGES_TO_RESPONSES else ["END"])


def test_an_effort_arrives(route: Route) -> None:
    model = REASONER if isinstance(route.upstream, Responses) else route.model
    record = route.ask(model=model, reasoning_effort="low")
    assert (record["is_error"], record["dropped_params"]) == (False, []), record["text"]
    assert route.upstream.seen(route.upstream.requests[-1]).reasoning_effort == "low"


@pytest.mark.parametrize(
    ("route", "parameters"),
    [(RESPONSES_TO_RESPONSES, {"reasoning_effort": "low"}), (CHAT_TO_MESSAGES, {"seed": 3})],
    indirect=["route"],
)
def test_what_the_gateway_itself_refuses_is_dropped_and_reported(route: Route, parameters: dict[str, Any]) -> None:
    record = route.ask(**parameters)
    assert (record["text"], record["dropped_params"]) == ("Hello from the fake.", [*parameters])
    assert len(route.upstream.requests) == 1


def test_a_structured_answer(route: Route) -> None:
    record = route.ask(route.text('{"a":', " 1}"), response_schema=SCHEMA)
    assert (record["structured"], record["dropped_params"], record["warnings"]) == ({"a": 1}, [], [])
    assert route.upstream.seen(route.upstream.requests[-1]).response_schema == SCHEMA


def test_an_answer_cut_at_the_limit(route: Route) -> None:
    record = route.ask(route.text("One", stop="max_tokens"))
    assert (record["text"], record["stop_reason"], record["is_error"]) == ("One", "max_tokens", False)


def test_thinking_is_kept_apart_from_the_answer(route: Route) -> None:
    record = route.ask(route.upstream.thinking_then("yes"))
    assert (record["text"], record["is_error"]) == ("yes", False)
    assert record["reasoning"] == "hmm"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(401, "authentication", False), (429, "rate_limit", True), (500, "provider_error", True)],
)
def test_an_error_of_the_upstream(route: Route, status: int, kind: str, retryable: bool) -> None:
    record = route.ask(route.upstream.error(status, "this is what the provider says"))
    assert (record["type"], record["status"], record["retryable"]) == (kind, status, retryable), record["text"]
    assert "this is what the provider says" in record["text"]


@pytest.mark.parametrize(
    "route", [CHAT_TO_CHAT, CHAT_TO_MESSAGES, RESPONSES_TO_RESPONSES, RESPONSES_TO_MESSAGES], indirect=True
)
def test_how_long_the_upstream_asks_to_wait(route: Route) -> None:
    """LiteLLM sends it as `llm_provider-retry-after`, and not at all on its Messages API."""
    record = route.ask(route.upstream.error(429, "slow down", retry_after="30"))
    assert 25 < record["retry_after"] <= 30


def test_a_prompt_that_does_not_fit(route: Route) -> None:
    """LiteLLM gives the code `400`. Only the text tells what it is: `ContextWindowExceededError`."""
    record = route.ask(route.upstream.too_long())
    assert (record["type"], record["status"], record["retryable"]) == ("context_length", 400, False), record["text"]


def test_a_model_that_the_upstream_does_not_know(route: Route) -> None:
    record = route.ask(route.upstream.unknown_model())
    assert (record["type"], record["status"]) == ("model_not_found", 404), record["text"]


def test_a_model_that_the_gateway_does_not_know(route: Route) -> None:
    """LiteLLM refuses it with status 400."""
    record = route.ask(model=route.model[:-1] + "z")
    assert record["type"] == "model_not_found", record["text"]
    assert route.model in record["text"].partition("Close names: ")[2]
    assert route.upstream.requests == []


def test_the_models_are_the_gateways(route: Route) -> None:
    result = route.server.ask(request(1, "tools/call", {"name": "list_models", "arguments": {}}))["result"]
    assert {model["id"] for model in result["_meta"]["mcp-models/models"]} == {*MODELS.values(), REASONER}


def test_an_error_in_mid_stream(route: Route) -> None:
    """LiteLLM only says that it was an overload from Messages to Messages."""
    record = route.ask(route.upstream.failing_midway())
    kind = "overloaded" if route.name == MESSAGES_TO_MESSAGES else "provider_error"
    assert (record["type"], record["retryable"], record["partial"]) == (kind, True, "Half an"), record["text"]


def test_an_upstream_that_hangs_up_in_mid_stream(route: Route) -> None:
    """LiteLLM's own connection stays up. It reports the upstream's failure as an error in the stream."""
    record = route.ask_for_half(cut=True)
    assert (record["type"], record["retryable"], record["partial"]) == ("provider_error", True, "Half an"), record["message"]


@pytest.mark.parametrize("route", [RESPONSES_TO_RESPONSES, MESSAGES_TO_RESPONSES, MESSAGES_TO_MESSAGES], indirect=True)
def test_a_stream_that_ends_without_its_end_is_no_answer(route: Route) -> None:
    """On the other routes LiteLLM makes up an end, so nobody can notice."""
    record = route.ask_for_half(cut=False)
    kind = "connection" if route.name == MESSAGES_TO_MESSAGES else "provider_error"
    assert (record["type"], record["retryable"], record["partial"]) == (kind, True, "Half an"), record["message"]
