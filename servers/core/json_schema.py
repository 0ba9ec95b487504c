"""Translate a caller's JSON Schema into the dialect that a provider accepts.

You write one ordinary schema (draft 2020-12). Each provider's constrained decoding supports a part of the language and
refuses the rest. `translate` closes objects, makes optional properties nullable and removes keywords, as the dialect needs.
What it removes is added to the description, where the model still reads it. A translation may be looser than the original,
because `structured.py` checks the answer against the caller's own schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from mcp_models.servers.core.errors import InvalidRequestError

Schema = dict[str, Any]

MAX_DEPTH = 64
"""How deeply schemas may be nested."""

WRAPPER = "answer"
"""The property that holds the answer if the provider needs an object at the root and the caller's schema has none."""

_ONE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "unevaluatedProperties")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "patternProperties", "dependentSchemas")
_NOT_FOR_MODELS = ("$schema", "$id", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly")
_BASIC = frozenset({"type", "enum", "$ref", "$defs", "anyOf", "properties", "required", "items", "description", "title"})
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class Dialect(Struct, frozen=True, kw_only=True):
    """What a provider's constrained decoding accepts.

    Attributes:
        keywords: The keywords it supports beyond the basic ones. None means all.
        formats: The values of `format` it supports. None means all.
        closed: Whether every object must have `additionalProperties: false`, and every schema a type.
        all_required: Whether every property must be required. Optional ones become nullable.
        object_root: Whether the root must be an object.
        anchored: Whether a `pattern` must begin with ^ and end with $.
    """

    keywords: frozenset[str] | None = None
    formats: frozenset[str] | None = None
    closed: bool = False
    all_required: bool = False
    object_root: bool = False
    anchored: bool = False


class InexpressibleError(InvalidRequestError):
    """A schema asks for something that a provider's dialect cannot express."""


def translate(schema: Schema, dialect: Dialect) -> Schema:
    """Return a schema translated into a provider's dialect.

    Args:
        schema: The caller's schema. It must be valid.
        dialect: The provider's dialect.

    Raises:
        InexpressibleError: The dialect cannot express what the schema asks for.
    """
    root = _with_plain_root(_normalised(schema))
    if dialect.object_root and root.get("type") != "object":
        root = _wrapped(root)
    translated: Schema = _translated(root, dialect, "the root")
    return translated


def _normalised(schema: Any, depth: int = 0) -> Any:
    """Reduce the schema to one spelling for each construct, and add a type where other keywords imply it."""
    if depth > MAX_DEPTH:
        raise InvalidRequestError(f"response_schema: nested more than {MAX_DEPTH} levels deep.")
    if not isinstance(schema, dict):
        return schema
    plain = {name: value for name, value in schema.items() if name not in _NOT_FOR_MODELS}
    if isinstance(definitions := plain.pop("definitions", None), dict):
        plain["$defs"] = {**definitions, **plain.get("$defs", {})}
    if isinstance(ref := plain.get("$ref"), str):
        plain["$ref"] = ref.replace("#/definitions/", "#/$defs/")
    if "const" in plain:
        plain["enum"] = [plain.pop("const")]
    if "oneOf" in plain and "anyOf" not in plain:
        plain["anyOf"] = plain.pop("oneOf")
    if len(plain.get("allOf", ())) == 1 and isinstance(plain["allOf"][0], dict):
        plain = {**plain.pop("allOf")[0], **plain}
    if "type" not in plain and (kind := _kind(plain)):
        plain["type"] = kind
    return _with_parts(_without_type_list(plain), lambda part: _normalised(part, depth + 1))


def _kind(schema: Schema) -> str | None:
    """Return the type that a schema implies without naming it."""
    if schema.keys() & {"$ref", "anyOf", "allOf"}:
        return None
    kinds = {_KINDS[type(value)] for value in schema.get("enum", ())}
    if len(kinds) == 1:
        return kinds.pop()
    if schema.keys() & {"properties", "patternProperties"}:
        return "object"
    return "array" if schema.keys() & {"items", "prefixItems"} else None


def _without_type_list(schema: Schema) -> Schema:
    """Rewrite `type: [a, b]` as `anyOf`, which every dialect supports."""
    kinds = schema.get("type")
    if not isinstance(kinds, list):
        return schema
    shared: Schema = {name: schema[name] for name in ("description", "title", "$defs") if name in schema}
    rest = {name: value for name, value in schema.items() if name not in ("type", *shared)}
    return {**shared, "anyOf": [_of_type(kind, rest) for kind in kinds]}


def _of_type(kind: str, keywords: Schema) -> Schema:
    if kind == "null":
        return {"type": "null"}
    if "enum" in keywords:
        kinds = ("integer", "number") if kind == "number" else (kind,)
        keywords = {**keywords, "enum": [value for value in keywords["enum"] if _KINDS[type(value)] in kinds]}
    return {"type": kind, **keywords}


def _with_parts(schema: Schema, change: Callable[[Any], Any]) -> Schema:
    """Apply `change` to every schema directly inside this one."""
    changed = dict(schema)
    for name, value in schema.items():
        if name in _MANY and isinstance(value, list):
            changed[name] = [change(part) for part in value]
        elif name in _NAMED and isinstance(value, dict):
            changed[name] = {key: change(part) for key, part in value.items()}
        elif name in _ONE:
            changed[name] = change(value)
    return changed


def _with_plain_root(root: Schema) -> Schema:
    """Replace a `$ref` at the root with the definition it points to."""
    if not isinstance(ref := root.get("$ref"), str):
        return root
    target = root.get("$defs", {}).get(ref.removeprefix("#/$defs/"))
    if not isinstance(target, dict):
        raise InexpressibleError(f"response_schema: `$ref` {ref!r} at the root does not point into `$defs`.")
    return {**target, "$defs": root["$defs"]}


def _wrapped(root: Schema) -> Schema:
    """Wrap the schema as the only property of an object, and adjust the references that pointed to the old root."""
    moved = _moved(root)
    definitions = moved.pop("$defs", None)
    wrapped = {"type": "object", "properties": {WRAPPER: moved}, "required": [WRAPPER], "additionalProperties": False}
    return {**wrapped, "$defs": definitions} if definitions else wrapped


def _moved(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    moved = _with_parts(schema, _moved)
    ref = moved.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#/$defs/"):
        moved["$ref"] = ref.replace("#", f"#/properties/{WRAPPER}", 1)
    return moved


def _translated(schema: Any, dialect: Dialect, path: str) -> Any:
    if not isinstance(schema, dict):
        if dialect.closed:
            raise InexpressibleError(f"response_schema: a part of {path} allows anything, which this provider cannot express.")
        return schema
    if dialect.closed:
        _check_expressible(schema, path)
    kept = _without_unknown(_with_lone_ref(schema), dialect)
    if dialect.closed and kept.get("type") == "object":
        kept["additionalProperties"] = False
    name = f"`{kept['title']}`" if "title" in kept else path
    kept = _with_parts(kept, lambda part: _translated(part, dialect, name) if part is not False else part)
    return _with_all_required(kept) if dialect.all_required and kept.get("type") == "object" else kept


def _with_lone_ref(schema: Schema) -> Schema:
    """Move a `$ref` into `anyOf` if it has neighbours, as several providers refuse keywords beside a `$ref`."""
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return {**beside, "anyOf": [{"$ref": schema["$ref"]}]} if "$ref" in schema and beside else schema


def _without_unknown(schema: Schema, dialect: Dialect) -> Schema:
    """Move the keywords that the dialect lacks into the description."""
    if dialect.closed and isinstance(schema.get("additionalProperties"), bool):
        schema = {name: value for name, value in schema.items() if name != "additionalProperties"}
    unknown = {name: value for name, value in schema.items() if not _knows(dialect, name, value)}
    if (
        dialect.closed and "type" in schema and "anyOf" in schema
    ):  # here the `anyOf` only adds rules, while a closed dialect chooses between whole types
        unknown["anyOf"] = schema["anyOf"]
    if not unknown:
        return dict(schema)
    words = "{" + ", ".join(f"{name}: {value}" for name, value in unknown.items()) + "}"
    kept = {name: value for name, value in schema.items() if name not in unknown}
    return {**kept, "description": "\n\n".join(filter(None, [schema.get("description"), words]))}


def _knows(dialect: Dialect, name: str, value: Any) -> bool:
    if name == "format" and dialect.formats is not None:
        return value in dialect.formats
    if name == "pattern" and dialect.anchored:
        return str(value).startswith("^") and str(value).endswith("$")
    return dialect.keywords is None or name in _BASIC or name in dialect.keywords


def _check_expressible(schema: Schema, path: str) -> None:
    """Raise `InexpressibleError` if a closed dialect has no form for the schema."""
    if not schema.keys() & {"type", "anyOf", "$ref", "enum"}:
        raise InexpressibleError(f"response_schema: a part of {path} has no `type`, which this provider needs.")
    if schema.get("type") == "object" and not schema.get("properties") and schema.get("additionalProperties") is not False:
        raise InexpressibleError(f"response_schema: a part of {path} is an object of free keys, which this provider lacks.")
    if schema.get("type") == "array" and "items" not in schema:
        raise InexpressibleError(f"response_schema: a part of {path} is an array without `items`, which this provider needs.")


def _with_all_required(schema: Schema) -> Schema:
    required = schema.get("required", ())
    properties = {
        name: part if name in required else {"anyOf": [part, {"type": "null"}]}
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties, "required": list(properties)}
