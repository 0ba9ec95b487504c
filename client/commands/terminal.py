"""Show text from elsewhere on a terminal, which must not obey it."""

from __future__ import annotations

import sys

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_VISIBLE = _PICTURES | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str, *, err: bool = False) -> str:
    """Return a text for standard output, or for standard error if `err` is true.

    If that is a terminal, control characters are replaced by pictures of them, as `ESC ]` could change its title or its
    clipboard. A file or a pipe gets the text as it is.
    """
    stream = sys.stderr if err else sys.stdout
    return text.translate(_VISIBLE) if stream is not None and stream.isatty() else text
