"""Edit TOML, changing only the bytes of one server's tables.

tomlkit loses bytes in seven files out of ten, for example a byte order mark. So we append tables as text, and cut them out by
the positions of their headers. `tomllib` tells what the text means before and after.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from mcp_models.client.hosts.jsonc import Unreadable

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'|#[^\n]*|\n|.",
    re.DOTALL,
)


def load(text: str) -> Any:
    """Parse a text.

    Raises:
        Unreadable: The text is not TOML.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not TOML: {error}" if isinstance(error, ValueError) else "it is nested too deeply") from None


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Add a table at a path of keys, or set one value in an existing table, and return the new text.

    Raises:
        Unreadable: The text is not TOML, or the value is written in a way that cannot be replaced.
    """
    found: Any = load(text)
    for key in path[:-1]:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    newline = "\r\n" if "\r\n" in text else "\n"
    if isinstance(value, dict) and path[-1] not in found:
        return _append(text, _tables(path, value, newline), newline)
    if isinstance(value, dict):
        raise Unreadable(f"{'.'.join(path)} is there already")
    start, end = _table(text, path[:-1])
    line = re.compile(rf"^([ \t]*{re.escape(path[-1])}[ \t]*=[ \t]*)[^\r\n]*?(?=[ \t]*\r?$)", re.MULTILINE)
    body = text[start:end]
    shown = f"{path[-1]} = {_shown(value)}"
    if line.search(body):
        return text[:start] + line.sub(lambda match: match.group(1) + _shown(value), body, count=1) + text[end:]
    header, separator, rest = body.partition("\n")
    return text[:start] + (header + separator if separator else header + newline) + shown + newline + rest + text[end:]


def remove(text: str, path: Sequence[str]) -> str:
    """Remove a table and those below it, and return the new text. If they are not there, the text stays the same.

    Raises:
        Unreadable: The text is not TOML, or the value is not written as a table of its own.
    """
    found: Any = load(text)
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return text
        found = found[key]
    tables = [(start, end) for start, end, header in _headers(text) if header[: len(path)] == tuple(path)]
    if not tables:
        raise Unreadable(f"{'.'.join(path)} is not written as a table of its own")
    for start, end in reversed(tables):
        end = start + len(_without_what_is_the_next_ones(text[start:end]))
        before = text[:start]
        blank = re.search(r"(?:\A|(?<=\n))[ \t]*\r?\n\Z", before)
        text = (before[: blank.start()] if blank else before) + text[end:]
    return text


def render(value: dict[str, Any]) -> str:
    """Return sections of tables as the text of a whole file."""
    return "\n".join(
        _tables([section, name], fields, "\n") for section, tables in value.items() for name, fields in tables.items()
    )


def is_empty(text: str, path: Sequence[str]) -> bool:  # noqa: ARG001
    """Return False. In TOML, a section disappears together with its last table."""
    return False


def _append(text: str, tables: str, newline: str) -> str:
    if not text.strip("\ufeff"):
        return text + tables
    return text + ("" if text.endswith("\n") else newline) + newline + tables


def _tables(path: Sequence[str], value: dict[str, Any], newline: str) -> str:
    """Return a table as text, followed by one for each nested table."""
    header = ".".join(key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _shown(key) for key in path)
    lines = [f"[{header}]", *(f"{key} = {_shown(item)}" for key, item in value.items() if not isinstance(item, dict))]
    text = newline.join(lines) + newline
    below = [_tables([*path, key], item, newline) for key, item in value.items() if isinstance(item, dict)]
    return newline.join([text, *below])


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"  # a Windows path, as people write it
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _headers(text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return the start, the end and the name of each table. It ends where the next header begins."""
    starts = list(_header_places(text))
    ends = [*starts[1:], len(text)]
    return [
        (start, end, _name(text[start : text.find("\n", start) + 1 or len(text)]))
        for start, end in zip(starts, ends, strict=False)
    ]


def _header_places(text: str) -> Iterator[int]:
    depth, at_line_start, in_header = 0, True, False
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            at_line_start, in_header = True, False
        elif token in (" ", "\t", "\r", "\ufeff"):
            continue
        elif token == "[" and at_line_start and not depth:
            line = text.rfind("\n", 0, match.start()) + 1
            yield line + text.startswith("\ufeff", line)
            at_line_start, in_header = False, True
        else:
            at_line_start = False
            if not in_header:
                depth += (token in ("[", "{")) - (token in ("]", "}"))


def _name(header: str) -> tuple[str, ...]:
    found: Any = tomllib.loads(header)
    names: list[str] = []
    while found and isinstance(found, (dict, list)):
        if isinstance(found, list):
            found = found[0]
            continue
        (name,) = found
        names.append(name)
        found = found[name]
    return tuple(names)


def _table(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Return the start and the end of a table, header included.

    Raises:
        Unreadable: The table has no header of its own.
    """
    for start, end, header in _headers(text):
        if header == tuple(path):
            return start, end
    raise Unreadable(f"{'.'.join(path)} is not written as a table of its own")


def _without_what_is_the_next_ones(table: str) -> str:
    """Remove the blank lines and comments at the end of a table's text, as they belong to what follows."""
    lines = table.splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "".join(lines)
