"""Read the files that `mcp-models complete` attaches to a prompt: texts, PDFs, images, and the schema of the answer."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import click

from mcp_models.servers.core import media

MAX_BYTES = 32 * 1024 * 1024
"""The largest file to attach. Providers accept less."""


def attach(prompt: str, files: Sequence[str], images: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return a prompt with files attached: texts, each with its path, stand before it, and PDFs and images are parts.

    Args:
        prompt: The prompt.
        files: The paths of texts and PDFs.
        images: The paths of images.

    Returns:
        The prompt, and the options of the call. The prompt is empty if it is in the messages.

    Raises:
        click.UsageError: A file cannot be read, or is not what its option attaches.
    """
    parts = [{"type": "image", "url": _image(path)} for path in images]
    texts = []
    for path in files:
        data = _read(path)
        if media.media_type(data) == media.PDF:
            parts.append({"type": "document", "url": media.data_uri(media.PDF, data)})
        else:
            texts.append(media.with_path(path, _as_text(path, data)))
    prompt = "\n\n".join([*texts, prompt])
    if not parts:
        return prompt, {}
    return "", {"messages": [{"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}]}


def schema(path: str) -> dict[str, Any]:
    """Return the JSON Schema in a file.

    Raises:
        click.UsageError: The file cannot be read, or does not hold a JSON object.
    """
    try:
        found = json.loads(_as_text(path, _read(path)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(f"--schema: {path} is not a JSON Schema: it must hold one JSON object.")
    return found


def _as_text(path: str, data: bytes) -> str:
    text = media.text_of(data)
    if text is None:
        raise click.UsageError(f"{path} is not text in UTF-8, nor a PDF; --image attaches an image.")
    return text


def _image(path: str) -> str:
    data = _read(path)
    kind = media.media_type(data)
    if kind is None or kind == media.PDF:
        raise click.UsageError(f"--image: {path} is not a PNG, JPEG, GIF or WebP; --file attaches text and PDFs.")
    return media.data_uri(kind, data)


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
