"""Read what lies beneath a folder by name, where the system cannot do it by descriptor: on Windows.

Each step is checked before it is used, and again after the file is open: the file that was opened must be the one that was
checked. Somebody who can swap a folder for a link and back, twice in the right moment, is not kept out; `directory.py` does
that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Self

from mcp_models.servers.core.files.directory import Entry, check_file, check_kind, too_large
from mcp_models.servers.core.files.refused import LINK, RefusedError, from_system

_REPARSE_POINT = 0x400


class NamedDirectory:
    """A folder, known by its path. It has the methods of `Directory`.

    Args:
        path: Its path.
        above: The paths of the folders that lead to it, from the allowed one on.
    """

    def __init__(self, path: str, above: tuple[str, ...] = ()) -> None:
        self._path, self._above = path, above

    @classmethod
    def root(cls, path: str) -> Self:
        """Return an allowed folder."""
        return cls(os.path.realpath(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def enter(self, name: str) -> Self:
        """Return a folder within this one, as `Directory.enter` does."""
        inner = type(self)(os.path.join(self._path, name), (*self._above, self._path))
        inner._check()
        return inner

    def read(self, name: str, most: int) -> bytes:
        """Return what a file in this folder holds, as `Directory.read` does."""
        path = os.path.join(self._path, name)
        try:
            before = _looked_at(path)
            check_kind(before)
            with open(path, "rb") as file:
                opened = os.fstat(file.fileno())
                self._check()
                if not os.path.samestat(before, opened) or not os.path.samestat(opened, _looked_at(path)):
                    raise RefusedError("it was replaced while it was read")
                check_file(opened, os.stat(self._root).st_dev, most)
                data = file.read(most + 1)
        except OSError as error:
            raise from_system(error) from None
        if len(data) > most:
            raise too_large(most)
        return data

    def entries(self) -> Iterator[Entry]:
        """Yield what is in this folder, as `Directory.entries` does."""
        try:
            with os.scandir(self._path) as found:
                for entry in found:
                    is_link = _is_link(entry.stat(follow_symlinks=False))
                    is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
                    yield Entry(entry.name, is_folder and not is_link, is_file and not is_link)
        except OSError as error:
            raise from_system(error) from None

    @property
    def _root(self) -> str:
        return (*self._above, self._path)[0]

    def _check(self) -> None:
        """Check that no step from the allowed folder to here is a link."""
        try:
            for path in (*self._above, self._path)[1:]:
                if not stat.S_ISDIR(_looked_at(path).st_mode):
                    raise RefusedError("it is not there", missing=True)
        except OSError as error:
            raise from_system(error) from None


def _looked_at(path: str) -> os.stat_result:
    found = os.lstat(path)
    if _is_link(found):
        raise RefusedError(LINK)
    return found


def _is_link(found: os.stat_result) -> bool:
    """Return whether a name is a link, also one of Windows' other kinds (junctions, mount points)."""
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_file_attributes", 0) & _REPARSE_POINT)
