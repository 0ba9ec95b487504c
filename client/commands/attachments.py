"""Read the files that `mcp-models complete` attaches to a prompt: texts, images, and the schema of the answer."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import click

MAX_BYTES = 32 * 1024 * 1024
"""The largest file to attach. Providers accept less."""

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))
"""How an image's file begins, with the name of its format. Source: https://mimesniff.spec.whatwg.org."""


def with_files(prompt: str, paths: Sequence[str]) -> str:
    """Return a prompt that is preceded by the texts of files, each with its path.

    Raises:
        click.UsageError: A file cannot be read, or is not text in UTF-8.
    """
    documents = [f'<document path="{path}">\n{_text(path)}\n</document>' for path in paths]
    return "\n\n".join([*documents, prompt])


def messages(prompt: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """Return a conversation of one turn: the images, then the prompt.

    Raises:
        click.UsageError: A file cannot be read, or is not an image that the providers know.
    """
    parts: list[dict[str, Any]] = [{"type": "image", "url": _data_uri(path)} for path in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}]


def schema(path: str) -> dict[str, Any]:
    """Return the JSON Schema in a file.

    Raises:
        click.UsageError: The file cannot be read, or does not hold a JSON object.
    """
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(f"--schema: {path} is not a JSON Schema: it must hold one JSON object.")
    return found


def _text(path: str) -> str:
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        raise click.UsageError(f"{path} is not text in UTF-8; --image attaches an image.")
    return text.rstrip("\n")


def _data_uri(path: str) -> str:
    import base64

    data = _read(path)
    kind = next((name for start, name in _SIGNATURES if data.startswith(start)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "webp"
    if not kind:
        raise click.UsageError(f"--image: {path} is not a PNG, JPEG, GIF or WebP; --file attaches text.")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _read(path: str) -> bytes:
    try:
        if not os.path.isfile(path):  # a pipe or a device may never end
            raise click.UsageError(f"{path} is {'not a file' if os.path.exists(path) else 'not there'}.")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > MAX_BYTES:
        raise click.UsageError(f"{path} has more than {MAX_BYTES >> 20} MB, which no provider takes.")
    return data
