"""Attach the files that a call names to its last turn of the user."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, structs

from mcp_models.servers.core import media
from mcp_models.servers.core.completion import DocumentPart, ImagePart, Message, SentFile, TextPart
from mcp_models.servers.core.errors import CallTimeoutError, InvalidRequestError
from mcp_models.servers.core.files.denied import holds_private_key, why_denied
from mcp_models.servers.core.files.directory import BY_DESCRIPTOR, Directory
from mcp_models.servers.core.files.named_directory import NamedDirectory
from mcp_models.servers.core.files.paths import allowed_folders, is_pattern, parts_of
from mcp_models.servers.core.files.patterns import Search
from mcp_models.servers.core.files.refused import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.settings import Environment

MOST_FILES = 50
"""How many files a call may attach."""

LARGEST_TEXT = 2 * 1024 * 1024
"""The most bytes of a text. More fits into no model."""

LARGEST_FILE = 32 * 1024 * 1024
"""The most bytes of all files together. Providers take less of an image or a PDF."""

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1500
PAGE_TOKENS = 2500
"""What a file may take, roughly: English text, an image of a screen, a page of a PDF. For an estimate only."""

READ_SECONDS = 30.0
"""How long reading the files may take."""

_LONGEST_ECHO = 200
_MOST_NAMED = 10


class Attached(Struct):
    """A request with its files.

    Attributes:
        request: The request. Its files are parts of the last turn of the user.
        files: What was attached.
        left_out: What patterns matched and was left out, each with the reason.
    """

    request: CompletionRequest
    files: list[SentFile]
    left_out: dict[str, str]

    def report(self, completion: Completion) -> None:
        """Tell of the files in a completion's record, and of what was left out also in a note."""
        completion.files = self.files
        completion.warnings += [f"files: left out {_shown(name)}: {reason}" for name, reason in self.left_out.items()]
        if self.left_out:
            names = ", ".join(_shown(name) for name in list(self.left_out)[:_MOST_NAMED])
            completion.notes.append(f"Files left out: {names}{', …' if len(self.left_out) > _MOST_NAMED else ''}.")


class _Found(NamedTuple):
    path: str
    data: bytes


async def attach(request: CompletionRequest, env: Environment) -> Attached:
    """Return a request with the files that it names.

    Args:
        request: The request. Its `files` must be set.
        env: The environment, which says which folders are allowed.

    Raises:
        CompletionError: As in `attached`, or a disk does not answer.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await asyncio.to_thread(attached, request, env)
    except TimeoutError:
        raise CallTimeoutError(f"files: they could not be read within {READ_SECONDS:g} s.") from None


def attached(request: CompletionRequest, env: Environment) -> Attached:
    """Return a request with the files that it names. This blocks.

    Args:
        request: The request. Its `files` must be set.
        env: The environment, which says which folders are allowed.

    Raises:
        InvalidRequestError: A file is refused. The message names each one and the reason.
        ConfigurationError: A folder that is allowed makes no sense.
    """
    reader = _Reader(allowed_folders(env))
    for name in request.files or ():
        reader.add(name)
    if reader.refused:
        shown = "; ".join(f"{_shown(name)}: {reason}" for name, reason in reader.refused.items())
        raise InvalidRequestError(f"files: nothing was sent. {shown}.")
    parts = [_part(found) for found in reader.found.values()]
    files = [_sent(found) for found in reader.found.values()]
    return Attached(_with_parts(request, parts), files, reader.left_out)


class _Reader:
    """Read files, and collect what is refused.

    Args:
        folders: The allowed folders.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self.found: dict[tuple[str, ...], _Found] = {}
        self.refused: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._left = LARGEST_FILE

    def add(self, name: str) -> None:
        """Read what a path or a pattern names."""
        try:
            parts, folders = parts_of(name, self._folders)
            self._add(tuple(parts), folders)
        except RefusedError as error:
            self.refused[name] = error.reason

    def _add(self, parts: tuple[str, ...], folders: Sequence[str]) -> None:
        for folder in folders:
            try:
                self._read(folder, parts)
                return
            except RefusedError as error:
                if not error.missing:
                    raise
        if not is_pattern(parts):
            raise RefusedError("it is not there", missing=True)
        known = len(self.left_out)
        if not sum(self._add_matches(folder, parts) for folder in folders):
            why = [f"{_shown(name)}: {reason}" for name, reason in list(self.left_out.items())[known:][:_MOST_NAMED]]
            raise RefusedError(" ".join(["it matches no file that may be attached", *([f"({', '.join(why)})"] if why else [])]))

    def _add_matches(self, folder: str, parts: tuple[str, ...]) -> int:
        """Read what a pattern matches within a folder, and return how many files that are."""
        with _opened(folder) as root:
            paths = Search(parts, MOST_FILES).run(root)
        count = 0
        for path in paths:
            try:
                self._read(folder, path)
                count += 1
            except RefusedError as error:
                self.left_out["/".join(path)] = error.reason
        return count

    def _read(self, folder: str, parts: tuple[str, ...]) -> None:
        """Read a file, unless it has been.

        Raises:
            RefusedError: It is not attached.
        """
        key = (folder, *parts)
        if key in self.found:
            return
        if what := why_denied((os.path.basename(os.path.realpath(folder)), *parts)):
            raise RefusedError(f"it is never attached, as it is {what}")
        if len(self.found) >= MOST_FILES:
            raise RefusedError(f"a call may attach {MOST_FILES} files, and it is one more")
        data = _read_below(folder, parts, LARGEST_FILE)
        if holds_private_key(data):
            raise RefusedError("it is never attached, as a private key is in it")
        if media.media_type(data) is None:
            if media.text_of(data) is None:
                raise RefusedError("it looks binary: it is not text in UTF-8, a PDF, PNG, JPEG, GIF or WebP")
            if len(data) > LARGEST_TEXT:
                raise RefusedError(f"it is a text of more than {LARGEST_TEXT >> 20} MB")
        if len(data) > self._left:
            raise RefusedError(f"all files together have more than {LARGEST_FILE >> 20} MB")
        self._left -= len(data)
        self.found[key] = _Found("/".join(parts), data)


def _opened(folder: str) -> Directory | NamedDirectory:
    return Directory.root(folder) if BY_DESCRIPTOR else NamedDirectory.root(folder)


def _read_below(folder: str, parts: Sequence[str], most: int) -> bytes:
    with _opened(folder) as root:
        return _read_in(root, parts, most)


def _read_in(folder: Directory | NamedDirectory, parts: Sequence[str], most: int) -> bytes:
    if len(parts) == 1:
        return folder.read(parts[0], most)
    with folder.enter(parts[0]) as inner:
        return _read_in(inner, parts[1:], most)


def _part(found: _Found) -> TextPart | ImagePart | DocumentPart:
    kind = media.media_type(found.data)
    if kind is None:
        return TextPart(media.with_path(found.path, media.text_of(found.data) or "") + "\n\n")
    uri = media.data_uri(kind, found.data)
    return DocumentPart(uri) if kind == media.PDF else ImagePart(uri)


def _sent(found: _Found) -> SentFile:
    kind, size = media.media_type(found.data), len(found.data)
    if kind is None:
        return SentFile(found.path, "text/plain", size, -(-size // BYTES_PER_TOKEN))
    tokens = PAGE_TOKENS * media.pages(found.data) if kind == media.PDF else IMAGE_TOKENS
    return SentFile(found.path, kind, size, tokens)


def _with_parts(request: CompletionRequest, parts: list[TextPart | ImagePart | DocumentPart]) -> CompletionRequest:
    """Return the request with parts before the words of the last turn of the user.

    Raises:
        InvalidRequestError: There is no such turn.
    """
    turns = list(request.turns)
    last = next((number for number in range(len(turns) - 1, -1, -1) if turns[number].role == "user"), None)
    if last is None:
        raise InvalidRequestError("files: there is no turn of the user to attach them to.")
    content = turns[last].content
    said: list[TextPart | ImagePart | DocumentPart] = [TextPart(content)] if isinstance(content, str) else content
    turns[last] = Message("user", [*parts, *said])
    return structs.replace(request, prompt=None, messages=turns, files=None)


def _shown(name: str) -> str:
    """Return a path as it may stand in a message."""
    shown = name if name.isprintable() else ascii(name)[1:-1]
    return shown if len(shown) <= _LONGEST_ECHO else f"{shown[:_LONGEST_ECHO]}…"
