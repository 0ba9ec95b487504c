"""Recognise what a file holds, and turn it into what a message can have: text with its path, or a `data:` URI."""

from __future__ import annotations

PDF = "application/pdf"

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)
"""How a file begins, with its media type. Source: https://mimesniff.spec.whatwg.org."""


def media_type(data: bytes) -> str | None:
    """Return the media type of a PDF, or of an image in a format that providers take. None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)


def text_of(data: bytes) -> str | None:
    """Return the text that a file holds, or None if it is not text in UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text.rstrip("\n")


def with_path(path: str, text: str) -> str:
    """Return a file's text with its path, for a prompt."""
    quoted = path.replace("&", "&amp;").replace('"', "&quot;")
    return f'<document path="{quoted}">\n{text}\n</document>'


def data_uri(kind: str, data: bytes) -> str:
    """Return a file as a `data:` URI.

    Args:
        kind: Its media type.
        data: What it holds.
    """
    import base64

    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def pages(pdf: bytes) -> int:
    """Return about how many pages a PDF has. If its list of pages is compressed, that cannot be told, and it counts as one."""
    import re

    return max(1, len(re.findall(rb"/Type\s{0,9}/Page(?![a-zA-Z])", pdf)))
