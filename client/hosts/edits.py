"""Add our entries to the text of a host's file or remove them, and check that nothing else has changed.

The editing functions return the new text or raise `Unreadable`. They write nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from mcp_models.client.hosts.entry import is_ours, owned_fields
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable


def editor(host: Host) -> ModuleType:
    """Return the module for a host's format. It has `load`, `put`, `remove`, `is_empty` and `render`."""
    from mcp_models.client.hosts import jsonc, toml_text, yaml_text

    return {"json": jsonc, "toml": toml_text, "yaml": yaml_text}[host.format]


def servers(host: Host, text: str) -> dict[str, Any]:
    """Return the entries in a host's file, by name.

    Raises:
        Unreadable: The text cannot be read, or its section is not a table of servers.
    """
    data = editor(host).load(text)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Unreadable("it does not hold an object")
    section = data.get(host.section)
    if section is None and (host.section not in data or host.format == "yaml"):
        return {}
    if not isinstance(section, dict):
        raise Unreadable(f"{host.section} is not one object")
    return section


def our_servers(host: Host, text: str) -> list[str]:
    """Return the names of the entries that are ours.

    Raises:
        Unreadable: As in `servers`.
    """
    return [name for name, fields in servers(host, text).items() if is_ours(host, str(name), fields)]


def added(host: Host, text: str, name: str, fields: Mapping[str, Any]) -> str:
    """Return a file's text with an entry of ours added.

    If the entry exists, only its command is updated. Whatever a person has changed in it stays.

    Raises:
        Unreadable: The text cannot be edited, the name belongs to another server, or the edit would change something else.
    """
    edit, before = editor(host), servers(host, text)
    if name not in before:
        expected = dict(fields)
        result = edit.put(text, [host.section, name], expected)
    elif is_ours(host, name, before[name]):
        owned = {field: fields[field] for field in owned_fields(host)}
        expected, result = {**before[name], **owned}, text
        for field, value in owned.items():
            if before[name].get(field) != value:
                result = edit.put(result, [host.section, name, field], value)
    else:
        raise Unreadable(f"it has another server with the name {name}")
    _check(host, text, result, {**before, name: expected})
    return str(result)


def removed(host: Host, text: str, names: Iterable[str], *, drop_section: bool) -> str:
    """Return a file's text with entries of ours removed. Names that are not in it are ignored.

    Args:
        host: The host.
        text: The file's text.
        names: The names of the entries.
        drop_section: Whether to remove the section, too, once it is empty.

        Raises:
            Unreadable: The text cannot be edited, an entry is not ours, or the edit would change something else.
    """
    edit, left, result = editor(host), dict(servers(host, text)), text
    for name in names:
        if name in left and not is_ours(host, name, left[name]):
            raise Unreadable(f"its server {name} is not ours")
        result = edit.remove(result, [host.section, name])
        left.pop(name, None)
    if drop_section and edit.is_empty(result, [host.section]):
        result = edit.remove(result, [host.section])
    _check(host, text, result, left)
    return str(result)


def _check(host: Host, before: str, after: str, expected: Mapping[str, Any]) -> None:
    """Check the edited text by reading it again.

    Raises:
        Unreadable: The servers are not the expected ones, or something else has changed.
    """
    data = [editor(host).load(text) or {} for text in (before, after)]
    others = [{key: value for key, value in read.items() if key != host.section} for read in data]
    if servers(host, after) != expected or others[0] != others[1]:
        raise Unreadable("it is laid out in a way that cannot be edited without changing something else")
