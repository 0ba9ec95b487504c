"""Parse a structured answer and check it against the caller's own JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jsonschema_rs

from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.json_schema import WRAPPER, Schema

BACKTRACK_LIMIT = 100_000
"""How many steps the caller's `pattern` may take to match, so that none can keep the server busy."""

MAX_DEPTH = 100
"""How deeply an answer may be nested. The official Python SDK of MCP cannot read a message that is nested about 200 deep."""

MAX_EXPLANATIONS = 100_000
"""How many branches of a recursive `anyOf` to search for the reason why an answer does not fit."""

_LONGEST_REASON = 200


class Structured(NamedTuple):
    """A structured answer, parsed and checked.

    Attributes:
        value: The JSON value.
        text: The value as text. It is the model's own text unless the value had to be changed to fit.
        problem: Why the value does not fit the caller's schema. None if it does.
    """

    value: Any
    text: str
    problem: str | None = None


class Check:
    """A caller's schema, compiled to check answers.

    Args:
        schema: The value of `response_schema`.

    Raises:
        InvalidRequestError: It is not a valid JSON Schema, or refers to something outside itself.
    """

    def __init__(self, schema: Schema) -> None:
        patterns = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(schema, offline=True, pattern_options=patterns)
        except ValueError as error:
            raise InvalidRequestError(f"response_schema: {_place(error)}{_reason(error)}.") from None
        self._most_choices = max(_choices(schema), default=1) if "$ref" in str(schema) else 1

    def read(self, text: str) -> Structured:
        """Parse an answer and check it.

        This undoes what a translated schema has added: nulls for absent properties, and the wrapper.

        Args:
            text: The answer's text.

        Raises:
            ValueError: The text is not JSON, or nested too deeply. The message says which.
        """
        value, is_bare = _parsed(text)
        for number, candidate in enumerate(self._candidates(value)):
            if self._validator.is_valid(candidate):
                return Structured(candidate, text if is_bare and number == 0 else json.dumps(candidate, ensure_ascii=False))
        errors = self._errors(value)
        return Structured(value, text, f"{_place(errors[0])}{_reason(errors[0])}" if errors else "it is nested too deeply")

    def _candidates(self, value: Any) -> Iterator[Any]:
        wholes = [value, value[WRAPPER]] if isinstance(value, dict) and value.keys() == {WRAPPER} else [value]
        yield from wholes
        for whole in wholes:
            yield _without(whole, list(_null_paths(self._errors(whole))))

    def _errors(self, value: Any) -> list[jsonschema_rs.ValidationError]:
        """Return what is wrong with a value, or an empty list if it would take too long to find out."""
        if self._most_choices ** _depth(value) > MAX_EXPLANATIONS:
            return []
        return list(self._validator.iter_errors(value))


def _parsed(text: str) -> tuple[Any, bool]:
    """Return the value, and whether the text was bare JSON. Models like to put JSON into a code block.

    Raises:
        ValueError: It is not JSON, or clients could not read it. The message says which.
    """
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", text, re.DOTALL)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant)
    except ValueError:
        raise ValueError("it is not JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    return value, fenced is None


def _null_paths(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every null that some branch of the schema does not allow."""
    for error in errors:
        if error.instance is None:
            yield tuple(error.instance_path)
        for branch in getattr(error.kind, "context", ()):
            yield from _null_paths(branch)


def _without(value: Any, paths: list[tuple[str | int, ...]]) -> Any:
    """Return a copy of a value without the properties at these paths."""
    if isinstance(value, list):
        return [_without(item, [path[1:] for path in paths if path[:1] == (place,)]) for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {
        name: _without(item, [path[1:] for path in paths if path[:1] == (name,)])
        for name, item in value.items()
        if (name,) not in paths
    }


def _choices(schema: Any) -> Iterator[int]:
    """Yield how many branches each `anyOf` and `oneOf` has."""
    if isinstance(schema, list):
        for part in schema:
            yield from _choices(part)
    elif isinstance(schema, dict):
        yield from (len(schema[name]) for name in ("anyOf", "oneOf") if isinstance(schema.get(name), list))
        yield from _choices(list(schema.values()))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [part for box in level for part in _parts(box)]:
        depth += 1
    return depth


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _place(error: Exception) -> str:
    """Return the path of an error inside the value, followed by a colon."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in getattr(error, "instance_path", ()))
    return f"{path.removeprefix('.')}: " if path else ""


def _reason(error: Exception) -> str:
    said = " ".join(str(getattr(error, "message", error)).split())
    return said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
