"""Write to a terminal or a pipe: tables, and text that cannot give orders to a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

KEPT = "\n\t"
"""Control characters that a terminal may get."""


def visible(text: str) -> str:
    r"""Return a text with its control characters made visible: an escape becomes `\x1b`. Newlines and tabs stay.

    A model may be made to write escape sequences, and some terminals obey them. Characters that change the direction of
    writing are shown, too, as they can hide what a line says.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if character in KEPT:
        return character
    if code < 0x20 or 0x7F <= code <= 0x9F:
        return f"\\x{code:02x}"
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return f"\\u{code:04x}"
    return character


def on_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def console() -> Console:
    """Return rich's console for standard output. It follows NO_COLOR, and uses no colours in a pipe."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print rows as a table in a terminal, and as lines with tabs between the fields in a pipe.

    Args:
        heads: The heading of each column. They are left out in a pipe.
        rows: The fields of each row.
        right: The numbers of the columns to align on the right, such as those with amounts.
    """
    if not on_terminal():
        for row in rows:
            sys.stdout.write("\t".join(" ".join(field.split()) for field in row).rstrip() + "\n")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(field)) for field in row))
    console().print(table)
