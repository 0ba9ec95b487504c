"""Recognise a value that is only a reference to a variable, which a host or a shell has not expanded."""

from __future__ import annotations


def is_reference(value: str) -> bool:
    """Return whether a value is only a reference to a variable: `${NAME}`, `${env:NAME}` or `$NAME`."""
    if value.startswith("${") and value.endswith("}"):
        return value.count("}") == 1
    return value.startswith("$") and value[1:].isidentifier()
