"""Turn a tool's JSON arguments into a `CompletionRequest`, or say what is wrong with them."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

import msgspec

from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tools import input_schema
from mcp_models.servers.core.transport.json_codec import kind

_LONGEST_ECHO = 40


def parse_arguments(arguments: dict[str, Any], tiers: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> CompletionRequest:
    """Check a tool's arguments and return the request they describe.

    Args:
        arguments: The arguments as the caller sent them, decoded from JSON.
        tiers: The values of `service_tier` that the provider has.
        extras: Those of `tools.EXTRAS` that the caller may give.

    Raises:
        InvalidRequestError: An argument is wrong. The message names it, and says what was expected and what came.
    """
    schema = input_schema(tiers, extras)
    properties = schema["properties"]
    for name in arguments:
        if name not in properties:
            raise InvalidRequestError(f"{name}: {_unknown(name, schema)}")
    converted = {name: meant(value, properties[name]) for name, value in arguments.items()}
    if converted.get("stop") == []:
        del converted["stop"]  # an empty list has no effect, but some providers refuse it
    try:
        request = msgspec.convert(converted, CompletionRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(explain(str(error), arguments, schema)) from None
    if request.service_tier is not None and request.service_tier not in tiers:
        raise InvalidRequestError(_expected("service_tier", arguments, schema))
    return request


def meant(value: Any, schema: dict[str, Any]) -> Any:
    """Return an argument in the type that the schema expects, as some hosts send every argument as a string.

    As in JSON Schema, 4096.0 counts as an integer.
    """
    if isinstance(value, str) and schema.get("type", "string") != "string":
        value = _from_text(value, schema)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _from_text(text: str, schema: dict[str, Any]) -> Any:
    """Parse a string as JSON if that gives the right type. Where a list of strings is expected, a lone string becomes one."""
    wants_texts = schema.get("items") == {"type": "string"}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    if wants_texts and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return [text]
    kinds = (schema["type"], "integer") if schema["type"] == "number" else (schema["type"], "number", "null")
    return value if kind(value) in kinds else text


def explain(message: str, arguments: dict[str, Any], schema: dict[str, Any]) -> str:
    """Rewrite msgspec's message in the schema's terms, with the path first."""
    found = re.fullmatch(r"(?s)(.*?)(?: - at `\$\.?(.*)`)?", message)
    problem, path = (found[1], found[2] or "") if found else (message, "")
    if field := re.search(r"(?:unknown|required) field `(.*)`", problem):
        where = f"{path}.{field[1]}" if path else field[1]
        return f"{where}: {_unknown(field[1], _schema_at(path, schema)) if 'unknown' in problem else 'missing'}"
    if rule := re.fullmatch(r"(\w+): (expected .*)", problem):  # raised by a check in `completion.py`
        where = f"{path}.{rule[1]}" if path else rule[1]
        return f"{where}: {rule[2]}, got {_echo(_value_at(arguments, where))}"
    if not path:
        return problem
    return _expected(path, arguments, schema)


def _expected(path: str, arguments: dict[str, Any], schema: dict[str, Any]) -> str:
    return f"{path}: expected {_expectation(_schema_at(path, schema))}, got {_echo(_value_at(arguments, path))}"


def _unknown(name: str, schema: dict[str, Any]) -> str:
    known = list(schema.get("properties", {}))
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}" if known else "leave it out"
    return f"unknown argument; {hint}"


def _steps(path: str) -> list[str]:
    """Split a path into its steps: `messages[0].role` becomes `messages`, `0`, `role`."""
    return re.findall(r"[^.\[\]]+", path)


def _value_at(value: Any, path: str) -> Any:
    for step in _steps(path):
        if isinstance(value, str):  # the host sent the list as a string
            value = json.loads(value)
        value = value[int(step)] if isinstance(value, list) else value.get(step)
    return value


def _schema_at(path: str, root: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that describes `path`, with all its alternatives."""
    schemas = [root]
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
    name = {"integer": "int", "array": "a non-empty array" if schema.get("minItems") else "array"}.get(
        schema.get("type", ""), schema.get("type", "something else")
    )
    bounds = [f"{sign} {schema[key]:g}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
    return " ".join([name, " and ".join(bounds)]).strip()


def _echo(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_ECHO else text[: _LONGEST_ECHO - 1] + "…"
