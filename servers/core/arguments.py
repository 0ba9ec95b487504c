"""Owns the way from a tool's JSON arguments to a `CompletionRequest`: the `inputSchema`, the check and its messages."""

from __future__ import annotations

import difflib
import json
import re
from functools import cache
from typing import Any

import msgspec

from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.errors import InvalidRequestError

_LONGEST_ECHO = 40


@cache
def input_schema() -> dict[str, Any]:
    """The JSON Schema of `complete`'s arguments: flat, without `$ref`, as hosts want it."""
    (root,), definitions = msgspec.json.schema_components([CompletionRequest], ref_template="{name}")
    schema: dict[str, Any] = _plain(root, definitions)
    return schema


def parse_arguments(arguments: dict[str, Any]) -> CompletionRequest:
    """Checks a tool's arguments.

    Args:
        arguments: What a caller sent, decoded from JSON.

    Raises:
        InvalidRequestError: An argument is wrong; the message names it, what was expected and what came.
    """
    # A whole number written as 4096.0 is an integer in JSON Schema.
    whole = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in arguments.items()}
    try:
        return msgspec.convert(whole, CompletionRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(_explain(str(error), arguments)) from None


def _plain(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with references resolved, and `null` alternatives, titles and OpenAPI's discriminators left out."""
    if isinstance(schema, list):
        return [_plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = definitions[schema["$ref"]]
    schema = {k: v for k, v in schema.items() if k not in ("title", "discriminator") and (k, v) != ("default", None)}
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **schema}
    elif choices:
        schema["anyOf"] = choices
    if "enum" in schema:
        schema = {"type": "string", **schema}  # every enumeration of ours is of strings; some hosts insist on the type
    plain = {k: _plain(v, definitions) for k, v in schema.items() if k != "properties"}
    if "properties" in schema:
        plain["properties"] = {name: _plain(s, definitions) for name, s in schema["properties"].items()}
    return plain


def _explain(message: str, arguments: dict[str, Any]) -> str:
    """msgspec's message in the terms of the schema, with the path first."""
    found = re.fullmatch(r"(?s)(.*?)(?: - at `\$\.?(.*)`)?", message)
    problem, path = (found[1], found[2] or "") if found else (message, "")
    if field := re.search(r"(?:unknown|required) field `(.*)`", problem):
        where = f"{path}.{field[1]}" if path else field[1]
        return f"{where}: {_unknown(field[1], path) if 'unknown' in problem else 'missing'}"
    if not path:
        return problem
    return f"{path}: expected {_expectation(_schema_at(path))}, got {_echo(_value_at(arguments, path))}"


def _unknown(name: str, path: str) -> str:
    known = list(_schema_at(path).get("properties", {}))
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}" if known else "leave it out"
    return f"unknown argument; {hint}"


def _steps(path: str) -> list[str]:
    """`messages[0].role` as `messages`, `0`, `role`."""
    return re.findall(r"[^.\[\]]+", path)


def _value_at(value: Any, path: str) -> Any:
    for step in _steps(path):
        value = value[int(step)] if isinstance(value, list) else value.get(step)
    return value


def _schema_at(path: str) -> dict[str, Any]:
    """The part of the schema that describes `path`, all alternatives of it."""
    schemas = [input_schema()]
    for step in _steps(path):
        schemas = [found for schema in schemas for found in _descend(schema, step)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _descend(schema: dict[str, Any], step: str) -> list[dict[str, Any]]:
    if "anyOf" in schema:
        return [found for choice in schema["anyOf"] for found in _descend(choice, step)]
    if "items" in schema and step.isdigit():
        return [schema["items"]]
    return [schema["properties"][step]] if step in schema.get("properties", {}) else []


def _expectation(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_expectation(choice) for choice in schema["anyOf"])
    if "pattern" in schema:
        return str(schema["description"])
    kind = {"integer": "int", "array": "a non-empty array" if schema.get("minItems") else "array"}.get(
        schema.get("type", ""), schema.get("type", "something else")
    )
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if key in schema
    ]
    return " ".join([kind, " and ".join(bounds)]).strip()


def _echo(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_ECHO else text[: _LONGEST_ECHO - 1] + "…"
