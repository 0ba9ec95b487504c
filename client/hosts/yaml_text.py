"""Edit YAML, changing only the bytes of one entry.

ruamel.yaml rewrites the whole file, and so changes its layout. PyYAML tells where each value is, and what the text means before
and after. The entry itself is inserted and cut out as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from mcp_models.client.hosts.jsonc import Unreadable


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise Unreadable('a YAML file needs the package `pyyaml`: run `pip install "mcp-models[goose]"`') from None
    return yaml


def load(text: str) -> Any:
    """Parse a text. Return None if it is empty.

    Raises:
        Unreadable: The text is not YAML or has custom tags, or PyYAML is not installed.
    """
    yaml = _yaml()
    try:
        _compose(text)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        mark = getattr(error, "problem_mark", None)
        raise Unreadable(f"line {mark.line + 1} is not YAML" if mark else "it is not YAML") from None


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Set a value and return the new text. The path has two keys, or three to change a field of an existing entry.

    Raises:
        Unreadable: The text is not YAML, or its layout leaves no room for the value.
    """
    load(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    root = _compose(text)
    if root is None:
        return _line_end(text, newline) + _block(_nested(path, value), "", newline)
    section = _child(root, path[0])
    if section is None:
        if root.flow_style:
            raise Unreadable("it is written in one pair of braces")
        return _line_end(text, newline) + _block(_nested(path, value), "", newline)
    if _is_nothing(section):
        return _fill(text, section, _block(_nested(path[1:], value), _step(root), newline), newline)
    if section.flow_style:
        raise Unreadable(f"{path[0]} is written in one pair of braces")
    entry = _child(section, path[1])
    indent = " " * section.value[0][0].start_mark.column
    if entry is None:
        return _insert(text, section, _block({path[1]: _nested(path[2:], value)}, indent, newline), newline)
    old = _child(entry, path[2]) if len(path) == 3 else None
    if old is None or (not _is_scalar(old) and not old.flow_style):
        raise Unreadable(f"{'.'.join(path)} is laid out in a way that cannot be replaced")
    start, end = int(old.start_mark.index), int(old.end_mark.index)
    return text[:start] + json.dumps(value, ensure_ascii=False) + text[end:]


def remove(text: str, path: Sequence[str]) -> str:
    """Remove the entry at a path of keys, and return the new text. If it is not there, the text stays the same.

    Raises:
        Unreadable: The text is not YAML, or the entry is written inside braces.
    """
    load(text)
    found = _compose(text)
    for key in path[:-1]:
        found = _child(found, key) if found is not None else None
    if found is None or _is_nothing(found) or _child(found, path[-1]) is None:
        return text
    if found.flow_style:
        raise Unreadable(f"{'.'.join(path[:-1])} is written in one pair of braces")
    key, value = next(pair for pair in found.value if pair[0].value == path[-1])
    start, end = text.rfind("\n", 0, key.start_mark.index) + 1, _end_of(text, value)
    rest = text[end:]
    if len(found.value) > 1 or len(path) == 1:
        return text[:start] + rest
    # Write `{}`, as a section without a value would be null, and the host may not accept that as an empty mapping.
    line_end = len(text[:start].rstrip("\r\n"))
    return text[:line_end] + " {}" + text[line_end:start] + rest


def render(value: dict[str, Any]) -> str:
    """Return a mapping as the text of a whole file. This does not need PyYAML."""
    return _block(value, "", "\n")


def is_empty(text: str, path: Sequence[str]) -> bool:
    """Return whether there is an empty mapping at this path."""
    found = load(text)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return bool(found == {})


def _compose(text: str) -> Any:
    return _yaml().compose(text, Loader=_yaml().SafeLoader)


def _is_scalar(node: Any) -> bool:
    return bool(node.id == "scalar")


def _is_nothing(node: Any) -> bool:
    """Return whether a node is null or an empty mapping."""
    return (_is_scalar(node) and node.value in ("", "null", "~")) or (node.id == "mapping" and not node.value)


def _child(node: Any, key: str) -> Any:
    """Return the value of a key, or None.

    Raises:
        Unreadable: The node is not a mapping, or has the key more than once.
    """
    if node.id != "mapping":
        raise Unreadable(f"expected a mapping around {key}")
    found = [value for name, value in node.value if name.value == key]
    if len(found) > 1:
        raise Unreadable(f"the key {key} is there more than once")
    return found[0] if found else None


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _block(value: dict[str, Any], indent: str, newline: str) -> str:
    """Return a mapping as lines. Lists, empty mappings and all below the second level become JSON, which is valid YAML."""
    lines = ""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += f"{indent}{key}:{newline}" + _block(item, indent + "  ", newline)
        else:
            lines += f"{indent}{key}: {json.dumps(item, ensure_ascii=False)}{newline}"
    return lines


def _step(root: Any) -> str:
    """Return the file's indentation: that of the first mapping in it, or two blanks."""
    for key, value in root.value:
        if value.id == "mapping" and value.value and not value.flow_style:
            return " " * int(value.value[0][0].start_mark.column - key.start_mark.column)
    return "  "


def _line_end(text: str, newline: str) -> str:
    return text if not text.strip("\ufeff") or text.endswith("\n") else text + newline


def _fill(text: str, node: Any, block: str, newline: str) -> str:
    """Insert lines below a key that has no value, or replace its `{}` by them."""
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    if not text[start:end].strip():  # nothing is written there, so continue after the key's own line
        start = end = text.rfind(":", 0, start + 1) + 1
    head = re.sub(r"[ \t]+$", "", text[:start])
    stop = text.find("\n", end)
    rest, after = (text[end:], "") if stop < 0 else (text[end : stop + 1], text[stop + 1 :])
    return head + _line_end(rest or newline, newline) + block + after


def _insert(text: str, section: Any, block: str, newline: str) -> str:
    end = _end_of(text, section)
    head = text[:end]
    return _line_end(head, newline) + block + text[end:]


def _end_of(text: str, node: Any) -> int:
    """Return the position after the line on which a node's last value ends."""
    while node.id != "scalar" and node.value and not node.flow_style:
        node = node.value[-1][1] if node.id == "mapping" else node.value[-1]
    index = node.end_mark.index
    if _is_scalar(node) and node.style in ("|", ">"):
        return int(index)
    if index and text[index - 1] == "\n":
        return int(index)
    stop = text.find("\n", index)
    return len(text) if stop < 0 else stop + 1
