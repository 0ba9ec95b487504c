"""Fill in a prompt's template, such as `Translate: {text}`, from the columns of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from mcp_models.client.batch.errors import InputError

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A prompt with the names of columns in braces. `{{` and `}}` stand for the braces themselves.

    Args:
        text: The template.

    Raises:
        InputError: A brace has no partner, or the braces hold no name.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        for part in _PARTS.finditer(text):
            if part[0] in "{}" or (part[1] is not None and not part[1].strip()):
                raise InputError(
                    f"--template: {part[0]!r} at character {part.start() + 1}: write {{column}}, or {{{{ for a brace"
                )

    def fill(self, columns: Mapping[str, Any]) -> str:
        """Return the prompt for a row. A value that is no text is written as JSON.

        Raises:
            ValueError: The row does not have a column.
        """

        def filled(part: re.Match[str]) -> str:
            if part[1] is None:
                return part[0][0]
            name = part[1].strip()
            if columns.get(name) is None:
                raise ValueError(f"no column {name!r} for the template; there are {', '.join(columns) or 'none'}")
            value = msgspec.to_builtins(columns[name])  # a date becomes text
            return value if isinstance(value, str) else msgspec.json.encode(value).decode()

        return _PARTS.sub(filled, self._text)
