"""Say which type a column of a Parquet file has: from a JSON Schema, or from the values that it will hold."""

from __future__ import annotations

import sys
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

DEEPEST = 8
"""How many levels of a schema get types of their own. What is below stands in its column as JSON."""

_INT64 = range(-(2**63), 2**63)
_EXACT = 2**53
"""All integers up to this one are floating-point numbers, too. Source: IEEE 754, binary64."""


class ListKind(Struct, frozen=True):
    """A list of values of one kind."""

    items: Kind


class RecordKind(Struct, frozen=True):
    """An object with known fields."""

    fields: tuple[tuple[str, Kind], ...]


Kind: TypeAlias = Literal["text", "integer", "long", "number", "boolean", "json", "name"] | ListKind | RecordKind
"""What a column holds. `json` is the JSON text of any value, `name` a text or a number as text. `long` is an integer that no
floating-point number stands for."""

_KINDS: dict[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}


def schema_fields(schema: Any) -> dict[str, Kind]:
    """Return the columns for the answers to a JSON Schema: the properties of its object, or nothing if it is for none."""
    kind = _of_schema(schema, schema, 0)
    return dict(kind.fields) if isinstance(kind, RecordKind) else {}


def of_values(kinds: set[Kind]) -> Kind:
    """Return the kind of a column that has values of these kinds."""
    if kinds and kinds <= {"integer", "long"}:
        return "integer"
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {"integer", "number"}:
        return "number"
    return "json" if kinds else "text"


def of_value(value: Any) -> Kind:
    """Return the kind of a value in JSON, which is not null."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if value not in _INT64:
            return "json"
        return "integer" if abs(value) <= _EXACT or float(value) == value else "long"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def fitted(kind: Kind, value: Any) -> Any:
    """Return a value as a column of this kind takes it.

    Raises:
        ValueError: It does not fit.
    """
    if value is None:
        return None
    if kind == "json":
        return msgspec.json.encode(value).decode()
    if kind == "name":
        return str(value)
    if isinstance(kind, ListKind) and isinstance(value, list):
        return [fitted(kind.items, item) for item in value]
    if isinstance(kind, RecordKind) and isinstance(value, dict):
        return {name: fitted(field, value.get(name)) for name, field in kind.fields}
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 is an integer in JSON Schema
    found = of_values({of_value(value)})
    if kind == found:
        return value
    if kind == "number" and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise ValueError("it does not fit the type")


def arrow_type(pyarrow: Any, kind: Kind) -> Any:
    """Return Arrow's type for a kind."""
    if isinstance(kind, ListKind):
        return pyarrow.list_(arrow_type(pyarrow, kind.items))
    if isinstance(kind, RecordKind):
        return pyarrow.struct([(name, arrow_type(pyarrow, field)) for name, field in kind.fields])
    types = {"integer": pyarrow.int64, "number": pyarrow.float64, "boolean": pyarrow.bool_}
    return types.get(kind, pyarrow.string)()


def _of_schema(schema: Any, root: Any, depth: int) -> Kind:
    if not isinstance(schema, dict) or depth > DEEPEST:
        return "json"
    if isinstance(schema.get("$ref"), str):
        return _of_schema(_pointed_to(root, schema["$ref"]), root, depth + 1)
    if isinstance(choices := schema.get("anyOf"), list):  # pydantic's way to say that a value may be null
        others = [choice for choice in choices if choice != {"type": "null"}]
        return _of_schema(others[0], root, depth + 1) if len(others) == 1 else "json"
    named = schema.get("type")
    names = [name for name in (named if isinstance(named, list) else [named]) if name != "null"]
    if len(names) != 1 or not isinstance(names[0], str):
        return _of_constants(schema)
    if names == ["object"]:
        return _of_object(schema, root, depth)
    if names == ["array"]:
        items = _of_schema(schema.get("items"), root, depth + 1)
        return "json" if items == "json" else ListKind(items)
    return _KINDS.get(names[0], "json")


def _of_object(schema: dict[str, Any], root: Any, depth: int) -> Kind:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return "json"
    return RecordKind(tuple((name, _of_schema(each, root, depth + 1)) for name, each in properties.items()))


def _of_constants(schema: dict[str, Any]) -> Kind:
    """Return the kind of `enum` and `const` without a type."""
    values = schema["enum"] if isinstance(schema.get("enum"), list) else [schema.get("const")]
    found = {of_value(value) for value in values if value is not None}
    return of_values(found) if found else "json"


def _pointed_to(root: Any, pointer: str) -> Any:
    found = root
    for part in pointer.removeprefix("#").split("/")[1:] if pointer.startswith("#") else ["?"]:
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
