"""Tool arguments: what is accepted, and what the errors say about the rest."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tools import input_schema

IMAGE = {"type": "image", "url": "data:image/png;base64,AA=="}
PDF = {"type": "document", "url": "data:application/pdf;base64,AA=="}
USER = {"role": "user", "content": "x"}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "x", "max_tokens": "many"}, 'max_tokens: expected int ≥ 1, got "many"'),
    ({"prompt": "x", "max_tokens": 0}, "max_tokens: expected int ≥ 1, got 0"),
    ({"prompt": "x", "max_tokens": 4.5}, "max_tokens: expected int ≥ 1, got 4.5"),
    ({"prompt": "x", "max_tokens": True}, "max_tokens: expected int ≥ 1, got true"),
    ({"prompt": "x", "temperature": -1}, "temperature: expected number ≥ 0, got -1"),
    ({"prompt": "x", "top_p": 2}, "top_p: expected number ≥ 0 and ≤ 1, got 2"),
    ({"prompt": "x", "timeout": 0}, "timeout: expected number > 0, got 0"),
    ({"prompt": "x", "timeout": float("inf")}, "timeout: expected a finite number, got Infinity"),
    ({"prompt": "x", "stop": ["a", 1]}, "stop[1]: expected string, got 1"),
    ({"prompt": "x", "max_tokens": "1.5"}, 'max_tokens: expected int ≥ 1, got "1.5"'),
    ({"prompt": "x", "temperature": "NaN"}, 'temperature: expected number ≥ 0, got "NaN"'),
    ({"prompt": "x", "response_schema": "[]"}, 'response_schema: expected object, got "[]"'),
    ({"messages": "[1"}, 'messages: expected a non-empty array, got "[1"'),
    ({"messages": '[{"role": "me", "content": "x"}]'}, 'messages[0].role: expected "assistant" or "user", got "me"'),
    ({"prompt": 5}, "prompt: expected string, got 5"),
    ({"prompt": ["y" * 100]}, f'prompt: expected string, got ["{"y" * 37}…'),
    ({"promt": "x"}, "promt: unknown argument; did you mean `prompt`?"),
    ({"messages": []}, "messages: expected a non-empty array, got []"),
    ({"messages": [{"role": "me", "content": "x"}]}, 'messages[0].role: expected "assistant" or "user", got "me"'),
    ({"messages": [{"content": "x"}]}, "messages[0].role: missing"),
    ({"messages": [USER, {"role": "user", "content": 5}]}, "messages[1].content: expected string or array, got 5"),
    ({"messages": [{**USER, "name": "z"}]}, "messages[0].name: unknown argument; known are role, content"),
    (
        {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
        'messages[0].content[0].type: expected "text" or "image" or "document", got "file"',
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "/etc/passwd"}]}]},
        'messages[0].content[0].url: expected a data: URI of an image or an https URL, got "/etc/passwd"',
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "document", "url": "data:text/html;base64,AA=="}]}]},
        'messages[0].content[0].url: expected data:application/pdf;base64,… or an https URL, got "data:text/html;base64,AA=="',
    ),
    ({}, "give either `prompt` (a string) or `messages` (an array)"),
    ({"prompt": "x", "messages": [USER]}, "give either `prompt` (a string) or `messages` (an array)"),
]

RIGHT: list[dict[str, Any]] = [
    {"prompt": ""},
    {"prompt": "x", "system": "y", "model": "z", "max_tokens": 1, "temperature": 0, "top_p": 0, "stop": [], "seed": -1},
    {"prompt": "x", "reasoning_effort": "none", "response_schema": {"type": "object"}, "timeout": 0.5},
    {"messages": [USER, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]},
    {"messages": [{"role": "user", "content": [IMAGE, PDF, {"type": "text", "text": "a"}]}]},
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[row[1][:50] for row in WRONG])
def test_a_wrong_argument_is_named_with_what_was_expected_and_what_came(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_arguments(arguments)
    assert caught.value.message == message


@pytest.mark.parametrize("arguments", RIGHT)
def test_right_arguments_pass_the_check_and_the_schema(arguments: dict[str, Any]) -> None:
    parse_arguments(arguments)
    jsonschema.validate(arguments, input_schema())


@pytest.mark.parametrize("arguments", [row[0] for row in WRONG[:7] + WRONG[8:19] if "timeout" not in row[0]])
def test_what_the_check_refuses_the_schema_refuses(arguments: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, input_schema())


def test_what_the_server_itself_notes_is_not_an_argument() -> None:
    with pytest.raises(InvalidRequestError, match="is_default_model: unknown argument"):
        parse_arguments({"prompt": "x", "is_default_model": True})


def test_null_means_left_out() -> None:
    request = parse_arguments({"prompt": "x", "system": None, "temperature": None})
    assert (request.system, request.temperature, request.max_tokens) == (None, None, None)


def test_the_tool_allows_more_than_a_call_where_nobody_says() -> None:
    assert parse_arguments({"prompt": "x"}).limit == 16_384
    assert parse_arguments({"prompt": "x", "max_tokens": 5}).limit == 5


def test_zero_is_a_temperature() -> None:
    assert parse_arguments({"prompt": "x", "temperature": 0}).temperature == 0


def test_a_whole_float_is_an_integer_as_in_json_schema() -> None:
    assert parse_arguments({"prompt": "x", "max_tokens": 5.0}).max_tokens == 5


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("max_tokens", "100", 100),
        ("max_tokens", " 100 ", 100),
        ("max_tokens", "4096.0", 4096),
        ("max_tokens", "null", None),
        ("temperature", "0", 0),
        ("temperature", "0.5", 0.5),
        ("timeout", "30", 30),
        ("seed", "-7", -7),
        ("stop", "END", ["END"]),
        ("stop", '["a", "b"]', ["a", "b"]),
        ("stop", "[1]", ["[1]"]),
        ("stop", "7", ["7"]),
        ("stop", "[]", None),
        ("response_schema", '{"type": "object"}', {"type": "object"}),
        ("system", "5", "5"),
        ("model", "null", "null"),
        ("prompt", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_an_argument_that_comes_as_a_string_is_taken_for_what_it_must_mean(name: str, text: str, meant: Any) -> None:
    assert getattr(parse_arguments({"prompt": "x", name: text}), name) == meant


def test_a_conversation_may_come_as_a_string() -> None:
    request = parse_arguments({"messages": '[{"role": "user", "content": "Hello?"}]'})
    assert [(turn.role, turn.text) for turn in request.turns] == [("user", "Hello?")]


def test_an_empty_list_of_stops_says_nothing() -> None:
    assert parse_arguments({"prompt": "x", "stop": []}).stop is None
