"""For every parameter, what an adapter sends is allowed by the provider's official types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from tests import official
from tests.fakes import FAKES
from tests.fakes.endpoint import Request
from tests.fakes.provider import FakeProvider
from tests.matrix import IMAGE, PDF, PORTABLE, SCHEMA, TEXT_PART, TURNS
from tests.peer import Peer, call
from tests.servers.contract import server_of

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CALLS: dict[str, dict[str, Any]] = {
    "prompt": {"prompt": "Hello?"},
    "system": {"prompt": "Hello?", "system": "Be brief. " * 2000},
    "turns": {"messages": TURNS, "system": "Be brief."},
    "prefill": {"messages": TURNS[:2]},
    "image": {"messages": [{"role": "user", "content": [TEXT_PART, IMAGE]}]},
    "https image": {"messages": [{"role": "user", "content": [{"type": "image", "url": "https://example.com/a.png"}]}]},
    "document": {"messages": [{"role": "user", "content": [TEXT_PART, PDF]}]},
    "https document": {"messages": [{"role": "user", "content": [{"type": "document", "url": "https://example.com/a.pdf"}]}]},
    "max_tokens": {"prompt": "x", "max_tokens": 1},
    "large max_tokens": {"prompt": "x", "max_tokens": 30_000},
    "temperature 0": {"prompt": "x", "temperature": 0},
    "temperature 1": {"prompt": "x", "temperature": 1, "top_p": 0.9},
    "top_p": {"prompt": "x", "top_p": 0.5},
    "stop": {"prompt": "x", "stop": ["END", "STOP"]},
    "seed": {"prompt": "x", "seed": 7},
    "schema": {"prompt": "x", "response_schema": SCHEMA},
    "portable schema": {"prompt": "x", "response_schema": PORTABLE, "system": "Be brief."},
    "array schema": {"prompt": "x", "response_schema": {"type": "array", "items": {"type": "integer"}}},
    **{f"effort {effort}": {"prompt": "x", "reasoning_effort": effort} for effort in EFFORTS},
    "all": {
        "messages": TURNS,
        "system": "Be brief.",
        "max_tokens": 4000,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 1,
        "reasoning_effort": "high",
        "response_schema": SCHEMA,
    },
}
WITHOUT_REQUEST = ("https image", "document", "https document")
"""What some providers do not take or cannot fetch, so that they get no request."""

MODELS: dict[str, tuple[str, ...]] = {
    "openai": ("gpt-5.2", "gpt-5.5-pro", "gpt-4o", "o3"),
    "anthropic": ("claude-haiku-4-5-20251001", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-5-5", "claude-sonnet-5-5"),
    "mistral": ("mistral-medium-latest", "mistral-large-4", "codestral-2508"),
    "google_ai_studio": ("gemini-2.5-flash", "gemini-3.1-pro", "gemini-3.6-flash", "gemini-3.8-flash"),
    "ollama": ("llama3.2", "gpt-oss:20b"),
}


@pytest.fixture(scope="module", params=FAKES, ids=lambda fake: fake.__name__)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeProvider]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def server(fake: FakeProvider) -> Iterator[Peer]:
    with server_of(fake) as peer:
        yield peer


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_request_is_what_the_official_types_allow(fake: FakeProvider, server: Peer, name: str) -> None:
    sent = 0
    for model in (fake.model, *MODELS.get(fake.provider, ())):
        fake.forget()
        server.ask(call(1, {"model": model, **CALLS[name]}))
        for request in fake.requests:
            if request.method == "POST":
                sent += 1
                official.check(fake.provider, request)
    assert sent or name in WITHOUT_REQUEST


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "/v1/responses", {"model": "m", "input": "x", "stream": True, "max_tokens": 5}),
        ("openai", "/v1/responses", {"model": "m", "input": [{"role": "nobody", "content": 5}], "stream": True}),
        ("openai", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user"}], "stream": True}),
        ("anthropic", "/v1/messages", {"model": "m", "messages": [], "max_tokens": 5, "stream": True, "temperature": 1}),
        (
            "anthropic",
            "/v1/messages",
            {"model": "m", "messages": [{"role": "user", "content": [{}]}], "max_tokens": 5},
        ),
        ("mistral", "/v1/chat/completions", {"model": "m", "messages": [], "seed": 5}),
        ("mistral", "/v1/chat/completions", {"model": "m", "messages": [], "reasoning_effort": "low"}),
        ("google_ai_studio", "/", {"contents": [{"role": "user", "parts": [{"txt": "x"}]}]}),
        ("google_ai_studio", "/", {"contents": [], "generationConfig": {"max_tokens": 5}}),
        ("ollama", "/api/chat", {"model": "m", "messages": [], "think": "xhigh"}),
        ("ollama", "/api/chat", {"model": "m", "messages": [], "max_tokens": 5}),
    ],
)
def test_the_types_refuse_what_they_do_not_allow(provider: str, path: str, body: dict[str, Any]) -> None:
    with pytest.raises((pydantic.ValidationError, AssertionError)):
        official.check(provider, Request("POST", path, {}, body))
