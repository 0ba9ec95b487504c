"""Find the files that a pattern such as `docs/**/*.md` matches, without those that git ignores."""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mcp_models.servers.core.files.denied import why_denied
from mcp_models.servers.core.files.refused import RefusedError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from mcp_models.servers.core.files.directory import Directory, Entry
    from mcp_models.servers.core.files.named_directory import NamedDirectory

    Folder = Directory | NamedDirectory

MOST_NAMES = 20_000
"""How many names a pattern may look at."""

MOST_FOLDERS_DEEP = 32
"""How many folders below the allowed one a pattern looks into."""

SECONDS = 5.0
"""How long a pattern may search."""

LONGEST_GITIGNORE = 64 * 1024
"""The most bytes of a `.gitignore`."""

MOST_LINES = 500
MOST_STARS = 3
MOST_ANY_FOLDERS = 6
"""The most lines of a `.gitignore`, and the most `*` and `**` of a line. With more, a long name can take a second a line."""

ANY_FOLDERS = "**"


class Search:
    """The search for a pattern's files.

    Args:
        pattern: The pattern's parts. `**` stands for any number of folders. As in a shell, a wildcard does not match a dot at
            the beginning of a name.
        most: How many files may match.
    """

    def __init__(self, pattern: Sequence[str], most: int) -> None:
        self._parts = [_compiled(part) for part in pattern]
        self._most, self._names, self._until = most, 0, time.monotonic() + SECONDS
        self.found: list[tuple[str, ...]] = []

    def run(self, root: Folder) -> list[tuple[str, ...]]:
        """Return the paths that match, sorted. A file of these may still be one that is never attached.

        Raises:
            RefusedError: There are too many, or the search takes too long, or a `.gitignore` cannot be used.
        """
        self._look_into(root, (), {0}, [])
        return sorted(self.found)

    def _look_into(self, folder: Folder, at: tuple[str, ...], states: set[int], ignored: list[Ignored]) -> None:
        """Look into a folder.

        Args:
            folder: The folder.
            at: Its path.
            states: Which parts of the pattern the next name may match.
            ignored: What the folders above ignore.
        """
        states = self._with_no_folders(states)
        entries = list(self._listed(folder))
        if any(entry.name == ".gitignore" and entry.is_file for entry in entries):
            ignored = [*ignored, Ignored(folder, at)]
        for name, is_folder, is_file in sorted(entries):
            self._check_time()
            path = (*at, name)
            inner = self._next(states, name) if is_folder and len(path) <= MOST_FOLDERS_DEEP else set()
            if not inner and not (is_file and self._is_match(states, name)):
                continue
            if is_ignored(ignored, path, is_folder) or (is_folder and why_denied(path)):
                continue
            if is_file:
                self._add(path)
                continue
            try:
                below = folder.enter(name)
            except RefusedError:  # it was swapped, or may not be read
                continue
            with below:
                self._look_into(below, path, inner, ignored)

    def _listed(self, folder: Folder) -> Iterator[Entry]:
        for entry in folder.entries():
            self._names += 1
            if self._names > MOST_NAMES:
                raise RefusedError(f"it looks at more than {MOST_NAMES:,} names: name a folder to look in")
            self._check_time()
            yield entry

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise RefusedError(f"it looks for more than {SECONDS:g} s: name a folder to look in")

    def _add(self, path: tuple[str, ...]) -> None:
        self.found.append(path)
        if len(self.found) > self._most:
            raise RefusedError(f"it matches more than {self._most} files: be more specific")

    def _with_no_folders(self, states: set[int]) -> set[int]:
        """Return the states with those that follow if `**` stands for no folder."""
        found = set(states)
        for state in range(len(self._parts)):
            if state in found and self._parts[state] is None:
                found.add(state + 1)
        return found

    def _next(self, states: set[int], name: str) -> set[int]:
        """Return the states within a folder."""
        inner = set()
        for state in states:
            part = self._parts[state] if state < len(self._parts) else _NOTHING
            if part is None and not name.startswith("."):
                inner.add(state)
            elif part is not None and part.match(name) and state + 1 < len(self._parts):
                inner.add(state + 1)
        return inner

    def _is_match(self, states: set[int], name: str) -> bool:
        last = len(self._parts) - 1
        part = self._parts[last]
        return last in states and (not name.startswith(".") if part is None else part.match(name) is not None)


_NOTHING = re.compile("(?!)")


def _compiled(part: str) -> re.Pattern[str] | None:
    """Return a part of a pattern as a regular expression; None for `**`."""
    if part == ANY_FOLDERS:
        return None
    hidden = "" if part.startswith(".") else r"(?!\.)"
    return re.compile(hidden + fnmatch.translate(part))


class Ignored:
    """What a `.gitignore` ignores.

    Args:
        folder: The folder that it is in.
        at: Its path.

    Raises:
        RefusedError: It cannot be read or used.
    """

    def __init__(self, folder: Folder, at: tuple[str, ...]) -> None:
        self.at = at
        self._spec = _spec(folder, "/".join((*at, ".gitignore")))

    def says(self, path: tuple[str, ...], is_folder: bool) -> bool | None:
        """Return whether a path is ignored; None if nothing is said of it."""
        return self._spec.check_file("/".join(path[len(self.at) :]) + ("/" if is_folder else "")).include


def _spec(folder: Folder, shown: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        lines = folder.read(".gitignore", LONGEST_GITIGNORE).decode("utf-8", "replace").splitlines()
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        if len(lines) > MOST_LINES or not all(map(_is_quick, lines)):
            raise RefusedError(f"it has more than {MOST_LINES} lines, or a line with too many `*`")
        return GitIgnoreSpec.from_lines(lines)
    except RefusedError as error:
        raise RefusedError(f"{shown} cannot be used, as {error.reason}") from None
    except ValueError as error:
        raise RefusedError(f"{shown} cannot be used: {error}") from None


def _is_quick(line: str) -> bool:
    """Return whether a line can be matched without trying too many ways."""
    parts = line.split("/")
    stars = sum(part.count("*") for part in parts if part.strip("*"))
    return stars <= MOST_STARS and parts.count(ANY_FOLDERS) <= MOST_ANY_FOLDERS


def is_ignored(ignored: Sequence[Ignored], path: tuple[str, ...], is_folder: bool) -> bool:
    """Return whether git ignores a path. The nearest `.gitignore` that says anything of it counts.

    Args:
        ignored: What the folders above ignore, the nearest last. None of these folders is ignored itself.
        path: The path, below the allowed folder.
        is_folder: Whether it is a folder.
    """
    said = (each.says(path, is_folder) for each in reversed(ignored))
    return next((answer for answer in said if answer is not None), False)
