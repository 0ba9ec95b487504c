"""Take apart the messages of errors, which end with what to do."""

from __future__ import annotations


def parts(message: str) -> tuple[str, str]:
    """Split an error's message into what happened and what to do about it.

    The messages of this project have the form `what happened: what to do`.
    """
    said, _, cure = message.rstrip(".").rpartition(": ")
    if not said or cure.startswith("expected"):
        return message.rstrip("."), "correct it or unset it"
    return said, cure


def first_line(error: Exception) -> str:
    """Return an error's message in one line, with the last line of a server's stderr if there is one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if len(lines) < 2 else f"{lines[0]} {lines[-1]}"
