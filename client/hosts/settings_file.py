"""Read a host's settings file, plan a change to it, and apply the change.

A change follows symbolic links, keeps the owner and the permissions, and replaces the file in one step. It is refused if the
file has changed since it was read.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_models.client.atomic_file import write_atomically
from mcp_models.client.hosts import baseline, edits
from mcp_models.client.hosts.baseline import Baseline
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.servers.core.redaction import REDACTED, protect_environment, redact

MAX_BYTES = 64 * 1024 * 1024

_SECRET_FIELD = re.compile(
    r"""((?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTHORIZATION)["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}]+)""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Change:
    """A planned change: the bytes of a file before and after. None means that there is no file."""

    path: str
    before: bytes | None
    after: bytes | None

    def __repr__(self) -> str:
        return f"Change({self.path!r})"

    def diff(self) -> str:
        """Return the change as a unified diff. Values of keys that happen to be near it are removed."""
        protect_environment()
        old, new = (("" if data is None else data.decode()).splitlines(keepends=True) for data in (self.before, self.after))
        lines = difflib.unified_diff(old, new, self.path, self.path, n=1)
        shown = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        return redact(_SECRET_FIELD.sub(_without_value, shown))


def _without_value(match: re.Match[str]) -> str:
    """Replace the value of a field, unless it is a reference to a variable."""
    is_reference = re.fullmatch(r"""["']?\$\{?[A-Z][A-Z0-9_]*\}?["']?""", match.group(2))
    return match.group() if is_reference else f'{match.group(1)}"{REDACTED}"'


class SettingsFile:
    """A host's settings file.

    Args:
        host: The host.
        path: The path of the file. Symbolic links are followed.

    Raises:
        Unreadable: The file cannot be read, is too large, or is not UTF-8.
    """

    def __init__(self, host: Host, path: str) -> None:
        self.host, self.path = host, os.path.realpath(path)
        self.raw = _read(self.path)
        self.text = _decoded(self.raw)

    def servers(self) -> dict[str, Any]:
        """Return all servers in the file, by name.

        Raises:
            Unreadable: The file is not valid.
        """
        return edits.servers(self.host, self.text)

    def ours(self) -> list[str]:
        """Return the names of the servers in the file that are ours.

        Raises:
            Unreadable: The file is not valid.
        """
        return edits.our_servers(self.host, self.text)

    def with_servers(self, entries: Mapping[str, Mapping[str, Any]]) -> Change:
        """Plan to add entries, each under its provider's name.

        Raises:
            Unreadable: The file cannot be edited without loss, or another server has one of the names.
        """
        text = self.text
        for name, fields in entries.items():
            text = edits.added(self.host, text, name, fields)
        return Change(self.path, self.raw, _encoded(text) if text != self.text or self.raw is None else self.raw)

    def without_servers(self, names: Sequence[str]) -> Change:
        """Plan to remove entries. If none of ours is left, the file becomes what it was before the first one.

        Raises:
            Unreadable: The file cannot be edited without loss, or an entry is not ours.
        """
        if self.raw is None:
            return Change(self.path, None, None)
        for name in names:
            edits.removed(self.host, self.text, [name], drop_section=False)  # raises if the entry is not ours
        if set(self.ours()) <= set(names):
            return Change(self.path, self.raw, self._before_ours())
        return Change(self.path, self.raw, _encoded(edits.removed(self.host, self.text, names, drop_section=False)))

    def apply(self, change: Change, mode: int | None) -> None:
        """Apply a change.

        Args:
            change: The change that `with_servers` or `without_servers` returned.
            mode: The permissions for a new file. None means the system's default.

        Raises:
            Unreadable: The file has changed since it was read.
            OSError: The file cannot be written. It stays as it was.
        """
        if _read(self.path) != change.before:
            raise Unreadable("it has changed in this moment: run the command again")
        remembered = baseline.load(self.path)
        folders = remembered.folders if remembered else ()
        if change.after is None:
            _delete(self.path, folders)
            baseline.forget(self.path)
            return
        before = self._before_ours()
        folders = (*folders, *_make_folders(os.path.dirname(self.path)))
        if edits.our_servers(self.host, _decoded(change.after)):
            baseline.save(self.path, Baseline(before, baseline.digest(change.after), folders))
        write_atomically(self.path, change.after, mode if change.before is None else None)
        if not edits.our_servers(self.host, _decoded(change.after)):
            baseline.forget(self.path)

    def _before_ours(self) -> bytes | None:
        """Return the file as it was before our entries, or the present one without them. None means no file."""
        remembered = baseline.load(self.path)
        if remembered and remembered.counts_for(self.raw):
            return remembered.before
        ours = self.ours()
        if self.raw is None or not ours:
            return self.raw
        made_section = remembered is not None and self.host.section not in self._top_of(remembered.before)
        text = edits.removed(self.host, self.text, ours, drop_section=made_section)
        is_ours_alone = remembered is not None and remembered.before is None and not self._top_of(_encoded(text))
        return None if is_ours_alone else _encoded(text)

    def _top_of(self, data: bytes | None) -> Iterable[str]:
        """Return the outermost keys of a file."""
        read = None if data is None else edits.editor(self.host).load(_decoded(data))
        return read if isinstance(read, dict) else ()


def _read(path: str) -> bytes | None:
    """Return a file's bytes, or None if there is no file.

    Raises:
        Unreadable: The file cannot be read, or is too large.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES // 1024 // 1024} MB")
    return data


def _decoded(data: bytes | None) -> str:
    try:
        return "" if data is None else data.decode()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unreadable("the path of this Python is not UTF-8") from None


def _make_folders(folder: str) -> list[str]:
    """Make a folder and its parents. Return those that were missing, the outermost first."""
    missing: list[str] = []
    while not os.path.isdir(folder):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    for path in missing:
        os.mkdir(path)
    return missing


def _delete(path: str, folders: Sequence[str]) -> None:
    """Delete a file, and those of the given folders that are empty now."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
