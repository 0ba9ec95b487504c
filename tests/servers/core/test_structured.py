"""Checking a structured answer against the caller's own schema."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.structured import Check

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "string"}, "c": {"type": ["string", "null"]}},
    "required": ["a"],
}


def test_an_answer_that_fits_is_left_as_it_is() -> None:
    text = '{ "a": 1,  "c": null }'
    assert Check(SCHEMA).read(text) == ({"a": 1, "c": None}, text, None)


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (SCHEMA, '{"a": 1, "b": null, "c": null}', {"a": 1, "c": None}),
        ({"items": SCHEMA}, '[{"a": 1, "b": null}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ({"anyOf": [SCHEMA, {"type": "string"}]}, '{"a": 1, "b": null}', {"a": 1}),
        ({"type": "array"}, '{"answer": [1]}', [1]),
        ({"items": SCHEMA, "type": "array"}, '{"answer": [{"a": 1, "b": null}]}', [{"a": 1}]),
        (
            {"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"n": {"$ref": "#/$defs/N"}}, "type": "object"}}},
            '{"n": {"n": null}}',
            {"n": {}},
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_traces_of_a_translation_are_taken_away(schema: dict[str, Any], text: str, value: Any) -> None:
    answer = Check(schema).read(text)
    assert (answer.value, answer.problem) == (value, None)
    assert Check(schema).read(answer.text).value == value


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ('{"a": 0}', {"a": 0}, "a: 0 is less than the minimum of 1"),
        ('{"a": null}', {"a": None}, 'a: null is not of type "integer"'),
        ("[]", [], '[] is not of type "object"'),
    ],
)
def test_what_does_not_fit_is_returned_with_why(text: str, value: Any, words: str) -> None:
    assert Check(SCHEMA).read(text) == (value, text, words)


def test_a_code_block_is_opened() -> None:
    answer = Check(SCHEMA).read('```json\n{"a": 1}\n```')
    assert (answer.value, answer.text, answer.problem) == ({"a": 1}, '{"a": 1}', None)


@pytest.mark.parametrize("text", ["sorry", "", "NaN", "{", "[" * 100_000])
def test_what_is_no_json_is_said_to_be(text: str) -> None:
    with pytest.raises(ValueError, match="it is not JSON" if len(text) < 10 else "it is nested too deeply"):
        Check({}).read(text)


@pytest.mark.parametrize("depth", [101, 300, 520, 980])
def test_what_clients_could_not_read_is_not_passed_on_as_json(depth: int) -> None:
    with pytest.raises(ValueError, match="it is nested too deeply"):
        Check({}).read("[" * depth + "1" + "]" * depth)
    assert Check({}).read("[" * 100 + "1" + "]" * 100).problem is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"properties": {"a": {"minimum": "x"}}},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"pattern": "(a"},
    ],
    ids=str,
)
def test_what_is_no_schema_is_the_callers_to_know(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="response_schema: "):
        Check(schema)


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequestError, match="response_schema: "):
        Check(schema)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"pattern": "^(a+)+$"}, '"' + "a" * 60 + 'b"'),
        ({"pattern": "(?=(a+)+$)b"}, '"' + "a" * 60 + 'b"'),
        (
            {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["a"]}] * 2, "type": "object"},
            '{"a":' * 40 + "1" + "}" * 40,
        ),
        ({"$ref": "#"}, "1"),
    ],
    ids=["pattern", "pattern that looks ahead", "recursive choice", "itself"],
)
def test_no_schema_can_keep_the_server_busy(schema: dict[str, Any], text: str) -> None:
    started = time.monotonic()
    Check(schema).read(text)
    assert time.monotonic() - started < 2
