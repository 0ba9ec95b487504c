"""Keep a copy of a host's file from before our first entry, so that `uninstall` can restore it byte for byte.

The copy is used only while the file is as we left it. Once somebody else has changed the file, our entries are cut out of it
instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from mcp_models.client.atomic_file import write_atomically
from mcp_models.servers.core.user_folders import state_folder


@dataclass(frozen=True)
class Baseline:
    """A file as it was before our first entry. `before` is its bytes, or None if there was no file."""

    before: bytes | None
    after: str
    """The SHA-256 of the file as we left it."""

    folders: tuple[str, ...]
    """The folders that we made for it, the outermost first."""

    def counts_for(self, current: bytes | None) -> bool:
        """Return whether the file is still as we left it."""
        return digest(current) == self.after


def digest(data: bytes | None) -> str:
    """Return the SHA-256 of a file's bytes, or an empty string if there is no file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def copy_path(path: str) -> str:
    """Return the path of the copy of a file."""
    return _stem(path) + ".before"


def load(path: str) -> Baseline | None:
    """Load what we know about a file. None if there is nothing, or if it is damaged."""
    try:
        with open(_stem(path) + ".json", encoding="utf-8") as file:
            record: Any = json.load(file)
        before = None
        if record["existed"]:
            with open(copy_path(path), "rb") as file_before:
                before = file_before.read()
        return Baseline(before, str(record["after"]), tuple(map(str, record["folders"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(path: str, baseline: Baseline) -> None:
    """Store a baseline. Only the user can read it, as the file may hold keys of other servers.

    Raises:
        OSError: The files cannot be written.
    """
    os.makedirs(os.path.dirname(_stem(path)), mode=0o700, exist_ok=True)
    if baseline.before is not None:
        write_atomically(copy_path(path), baseline.before, mode=0o600)
    record = {
        "path": path,
        "existed": baseline.before is not None,
        "after": baseline.after,
        "folders": list(baseline.folders),
    }
    write_atomically(_stem(path) + ".json", (json.dumps(record, indent=2) + "\n").encode(), mode=0o600)


def forget(path: str) -> None:
    """Delete what we know about a file."""
    for name in (_stem(path) + ".json", copy_path(path)):
        with contextlib.suppress(OSError):
            os.unlink(name)


def _stem(path: str) -> str:
    return os.path.join(state_folder(), "hosts", hashlib.sha256(os.fsencode(path)).hexdigest()[:16])
