"""Translating an ordinary JSON Schema into a provider's dialect."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.json_schema import Dialect, InexpressibleError, translate

ANY = Dialect()
CLOSED = Dialect(closed=True)
STRICT = Dialect(keywords=frozenset({"minimum"}), formats=frozenset({"date"}), closed=True, all_required=True, object_root=True)
TEXT = {"type": "string"}


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    rest = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **rest}


@pytest.mark.parametrize(
    ("schema", "translated"),
    [
        ({"properties": {"a": TEXT}}, {"type": "object", "properties": {"a": TEXT}}),
        ({"items": TEXT}, {"type": "array", "items": TEXT}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"enum": [1, "x"]}, {"enum": [1, "x"]}),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"allOf": [TEXT], "title": "T"}, {"type": "string", "title": "T"}),
        ({"type": ["string", "null"], "maxLength": 2}, {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]}),
        (
            {"type": ["string", "number"], "enum": ["a", 1]},
            {"anyOf": [{**TEXT, "enum": ["a"]}, {"type": "number", "enum": [1]}]},
        ),
        ({**TEXT, "default": "x", "examples": ["y"], "$schema": "z"}, TEXT),
        (
            {"definitions": {"X": TEXT}, "items": {"$ref": "#/definitions/X"}},
            {"$defs": {"X": TEXT}, "type": "array", "items": {"$ref": "#/$defs/X"}},
        ),
        ({"$ref": "#/$defs/X", "$defs": {"X": TEXT}}, {**TEXT, "$defs": {"X": TEXT}}),
        (
            {"items": {"$ref": "#", "description": "again"}},
            {"type": "array", "items": {"description": "again", "anyOf": [{"$ref": "#"}]}},
        ),
    ],
    ids=str,
)
def test_what_has_several_spellings_gets_one(schema: dict[str, Any], translated: dict[str, Any]) -> None:
    assert translate(schema, ANY) == translated


def test_closed_objects() -> None:
    schema = {"properties": {"a": {"properties": {"b": TEXT}}, "c": {"items": {"properties": {"d": TEXT}}}}}
    c = {"type": "array", "items": closed({"d": TEXT})}
    assert translate(schema, CLOSED) == closed({"a": closed({"b": TEXT}), "c": c})


def test_an_optional_property_becomes_nullable_where_all_must_be_required() -> None:
    schema = {"properties": {"a": TEXT, "b": {"properties": {"c": TEXT}, "required": ["c"]}}, "required": ["a"]}
    nullable = {"anyOf": [closed({"c": TEXT}, "c"), {"type": "null"}]}
    assert translate(schema, STRICT) == closed({"a": TEXT, "b": nullable}, "a", "b")


def test_a_keyword_that_the_dialect_lacks_goes_into_the_description() -> None:
    schema = {
        "properties": {"a": {"type": "integer", "minimum": 1, "multipleOf": 2, "description": "Even."}},
        "required": ["a"],
    }
    a = {"type": "integer", "minimum": 1, "description": "Even.\n\n{multipleOf: 2}"}
    assert translate(schema, STRICT) == closed({"a": a}, "a")


def test_a_format_that_the_dialect_lacks_goes_there_too() -> None:
    dialect = Dialect(keywords=frozenset({"format"}), formats=frozenset({"date"}))
    assert translate({**TEXT, "format": "date"}, dialect) == {**TEXT, "format": "date"}
    assert translate({**TEXT, "format": "iri"}, dialect) == {**TEXT, "description": "{format: iri}"}


def test_only_an_anchored_pattern_is_kept_where_it_must_be_one() -> None:
    dialect = Dialect(anchored=True)
    assert translate({**TEXT, "pattern": "^a$"}, dialect) == {**TEXT, "pattern": "^a$"}
    assert translate({**TEXT, "pattern": "a"}, dialect) == {**TEXT, "description": "{pattern: a}"}


def test_a_root_that_is_no_object_is_wrapped_and_its_references_follow() -> None:
    schema = {"items": {"anyOf": [{"$ref": "#/$defs/X"}, {"$ref": "#"}]}, "$defs": {"X": TEXT}}
    items = {"anyOf": [{"$ref": "#/$defs/X"}, {"$ref": "#/properties/answer"}]}
    answer = {"type": "array", "items": items}
    assert translate(schema, STRICT) == {**closed({"answer": answer}, "answer"), "$defs": {"X": TEXT}}


def test_what_is_recursive_stays_so() -> None:
    node = {"properties": {"value": TEXT, "next": {"$ref": "#/$defs/Node"}}, "required": ["value", "next"]}
    translated = translate({"$ref": "#/$defs/Node", "$defs": {"Node": node}}, STRICT)
    assert translated["properties"]["next"] == {"$ref": "#/$defs/Node"}
    jsonschema.Draft202012Validator.check_schema(translated)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "has no `type`"),
        ({"type": "object"}, "an object of free keys"),
        ({"properties": {"a": {"type": "object", "additionalProperties": TEXT}}}, "an object of free keys"),
        ({"type": "array"}, "an array without `items`"),
        ({"items": True}, "allows anything"),
        ({"$ref": "https://example.com/schema"}, "does not point into `$defs`"),
    ],
    ids=str,
)
def test_what_a_closed_dialect_cannot_say_is_named(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(InexpressibleError, match="response_schema: ") as caught:
        translate(schema, CLOSED)
    assert words in caught.value.message


def test_an_object_that_has_no_keys_at_all_can_be_said() -> None:
    assert translate(closed({}), STRICT) == {**closed({}), "required": []}


def test_a_choice_of_further_rules_goes_into_the_description() -> None:
    schema = {"properties": {"a": TEXT}, "anyOf": [{"required": ["a"]}, {"required": []}]}
    translated = translate({"type": "object", **schema}, CLOSED)
    assert "anyOf" not in translated
    assert "anyOf" in translated["description"]


def test_a_schema_may_not_be_nested_without_end() -> None:
    schema: dict[str, Any] = TEXT
    for _ in range(65):
        schema = {"items": schema}
    with pytest.raises(InvalidRequestError, match="nested more than 64 levels"):
        translate(schema, ANY)


def test_the_callers_schema_is_left_as_it_is() -> None:
    schema = {"properties": {"a": {"properties": {}}}, "definitions": {"X": TEXT}}
    translate(schema, ANY)
    assert schema == {"properties": {"a": {"properties": {}}}, "definitions": {"X": TEXT}}
