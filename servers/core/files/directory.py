"""Read what lies beneath a folder, by descriptor, so that nobody can lead a path elsewhere while it is looked up.

Each step of a path is opened within the descriptor of the one before, and no link is followed. What is checked is the very
descriptor that is read. Where the system has no such calls (Windows), `named_directory.py` does what can be done by name.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import NamedTuple, Self

from mcp_models.servers.core.files.refused import LINK, NOT_REGULAR, RefusedError, from_system

BY_DESCRIPTOR = sys.platform != "win32" and os.open in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether this system can open a file within a folder's descriptor."""

if sys.platform != "win32":
    _NO_LINK = os.O_NOFOLLOW
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    _FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
else:  # nothing of this is used
    _NO_LINK = _FOLDER = _FILE = 0


class Entry(NamedTuple):
    """A name in a folder. A link is neither a folder nor a file."""

    name: str
    is_folder: bool
    is_file: bool


class Directory:
    """An open folder.

    Args:
        descriptor: Its descriptor, which is closed with it.
        device: The file system that all must be on.
    """

    def __init__(self, descriptor: int, device: int) -> None:
        self._descriptor, self._device = descriptor, device

    @classmethod
    def root(cls, path: str) -> Self:
        """Open an allowed folder. Links on the way to it are followed, as a person named it.

        Raises:
            RefusedError: It cannot be opened.
        """
        try:
            descriptor = os.open(path, _FOLDER)
        except OSError as error:
            raise from_system(error) from None
        return cls(descriptor, os.fstat(descriptor).st_dev)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.close(self._descriptor)

    def enter(self, name: str) -> Self:
        """Open a folder within this one.

        Raises:
            RefusedError: It is a link, no folder, on another file system, or cannot be opened.
        """
        try:
            descriptor = os.open(name, _FOLDER | _NO_LINK, dir_fd=self._descriptor)
        except OSError as error:
            raise (RefusedError(LINK) if self._is_link(name) else from_system(error)) from None
        if os.fstat(descriptor).st_dev != self._device:
            os.close(descriptor)
            raise RefusedError("it lies on another file system than the allowed folder")
        return type(self)(descriptor, self._device)

    def read(self, name: str, most: int) -> bytes:
        """Return what a file in this folder holds.

        Args:
            name: The file's name.
            most: How many bytes it may have.

        Raises:
            RefusedError: It is a link, not a regular file, too large, or cannot be read.
        """
        try:
            # A device may act when it is opened, and a pipe's writer may go on.
            check_kind(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False))
            descriptor = os.open(name, _FILE, dir_fd=self._descriptor)
        except OSError as error:
            raise from_system(error) from None
        try:
            check_file(os.fstat(descriptor), self._device, most)
            return _all_of(descriptor, most)
        except OSError as error:
            raise from_system(error) from None
        finally:
            os.close(descriptor)

    def entries(self) -> Iterator[Entry]:
        """Yield what is in this folder.

        Raises:
            RefusedError: It cannot be listed.
        """
        try:
            with os.scandir(self._descriptor) as found:
                for entry in found:
                    yield Entry(entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
        except OSError as error:
            raise from_system(error) from None

    def _is_link(self, name: str) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return stat.S_ISLNK(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode)
        return False


def check_kind(found: os.stat_result) -> None:
    """Check that a name stands for a regular file.

    Raises:
        RefusedError: It does not.
    """
    if stat.S_ISLNK(found.st_mode):
        raise RefusedError(LINK)
    if stat.S_ISDIR(found.st_mode):
        raise RefusedError("it is a folder: name its files, or use a pattern such as `*.py`")
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(NOT_REGULAR)


def check_file(found: os.stat_result, device: int, most: int) -> None:
    """Check an open file.

    Args:
        found: What the system says of it.
        device: The file system that it must be on.
        most: How many bytes it may have.

    Raises:
        RefusedError: It is not a regular file of the allowed folder alone, or too large.
    """
    check_kind(found)
    if found.st_dev != device:
        raise RefusedError("it lies on another file system than the allowed folder")
    if found.st_nlink > 1:
        raise RefusedError("it has a second name (a hard link), which may lie elsewhere")
    if found.st_size > most:
        raise too_large(most)


def too_large(most: int) -> RefusedError:
    """Return the refusal of a file with more bytes than this."""
    return RefusedError(f"it has more than {most >> 20} MB")


def _all_of(descriptor: int, most: int) -> bytes:
    """Read a file to its end. It may grow meanwhile, and files of the kernel tell no size."""
    pieces, size = [], 0
    while piece := os.read(descriptor, 1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise too_large(most)
    return b"".join(pieces)
