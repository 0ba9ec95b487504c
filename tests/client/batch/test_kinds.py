"""The types of Parquet columns, from a JSON Schema or from values."""

from __future__ import annotations

from typing import Any

import pyarrow
import pytest

from mcp_models.client.batch.kinds import Kind, ListKind, RecordKind, arrow_type, fitted, of_values, schema_fields

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "arrow"),
    [
        ({"type": "integer"}, "int64"),
        ({"type": ["number", "null"]}, "double"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "bool"),
        ({"enum": ["a", "b", None]}, "string"),
        ({"const": 5}, "int64"),
        ({"type": "array", "items": TEXT}, "list<item: string>"),
        ({"$ref": "#/$defs/place"}, "struct<city: string, at: list<item: double>>"),
    ],
)
def test_a_property_has_the_type_that_its_schema_says(schema: dict[str, Any], arrow: str) -> None:
    place = {"type": "object", "properties": {"city": TEXT, "at": {"type": "array", "items": {"type": "number"}}}}
    root = {"$defs": {"place": place}, "type": "object", "properties": {"it": schema}}
    assert str(arrow_type(pyarrow, schema_fields(root)["it"])) == arrow


@pytest.mark.parametrize(
    "schema",
    [True, {}, {"type": ["string", "integer"]}, {"type": "object"}, {"type": "array"}, {"$ref": "#"}, {"$ref": "#/$defs/none"}],
)
def test_what_has_no_simple_type_is_json(schema: Any) -> None:
    kind = schema_fields({"type": "object", "properties": {"it": schema, "other": TEXT}})["it"]
    while isinstance(kind, RecordKind):  # `#` goes on for ever, and is cut off
        kind = dict(kind.fields)["it"]
    assert kind == "json"


def test_a_schema_for_something_else_than_an_object_has_no_columns() -> None:
    assert schema_fields({"type": "array", "items": TEXT}) == schema_fields(None) == {}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", 3.0, 3),
        ("number", 3, 3.0),
        ("number", 10**19, 1e19),
        ("integer", 2**53 + 1, 2**53 + 1),
        ("json", {"a": [1]}, '{"a":[1]}'),
        ("name", 7, "7"),
        (ListKind("integer"), [1, None], [1, None]),
        (RecordKind((("a", "text"), ("b", "text"))), {"a": "x", "c": 1}, {"a": "x", "b": None}),
    ],
)
def test_a_value_is_made_to_fit(kind: Kind, value: Any, expected: Any) -> None:
    found = fitted(kind, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"), [("integer", 2**63), ("integer", True), ("text", 1), ("boolean", 0), (ListKind("text"), ["a", 1])]
)
def test_a_value_that_does_not_fit_is_told_from_null(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        fitted(kind, value)


@pytest.mark.parametrize(
    ("kinds", "kind"), [({"text"}, "text"), ({"integer", "number"}, "number"), ({"text", "integer"}, "json"), (set(), "text")]
)
def test_the_values_of_a_column_have_one_kind(kinds: set[Kind], kind: Kind) -> None:
    assert of_values(kinds) == kind
