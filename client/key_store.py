"""Store API keys in a file that only the user can read, or in the system's keychain.

The file `keys.json` in the user's settings folder has one record per provider. It names the variable that takes the key, and
holds the key or says that it is in the keychain. A server never reads this file: `mcp-models serve` puts the key into its own
environment.
"""

from __future__ import annotations

import json
import os
import stat
import sys

from mcp_models.servers.core.user_folders import settings_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    Record: TypeAlias = dict[str, Any]

MAX_BYTES = 1 << 20


class KeyStoreError(Exception):
    """Stored keys cannot be read or written. The message says what to do, and never contains a key."""


def key_file() -> str:
    """Return the path of the file, which may not exist yet."""
    return os.path.join(settings_folder(), "keys.json")


def records() -> dict[str, Record]:
    """Return the stored records, by provider.

    Raises:
        KeyStoreError: The file can be read by others, cannot be read at all, or holds something else.
    """
    path = key_file()
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise KeyStoreError(f"{path} cannot be read ({error.strerror}): run `chmod 600 {path}` as its owner.") from None
    try:
        mode = os.fstat(descriptor).st_mode
        # On Windows these permissions are made up. An access control list protects the user's profile there.
        if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyStoreError(f"{path} can be read by others, so its keys are not used: run `chmod 600 {path}`.")
        with open(descriptor, "rb", closefd=False) as file:
            return _checked(file.read(MAX_BYTES + 1), path)
    finally:
        os.close(descriptor)


def _checked(raw: bytes, path: str) -> dict[str, Record]:
    try:
        found = json.loads(raw.decode()) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(_is_record(record) for record in found.values()):
        raise KeyStoreError(f"{path} is not what `mcp-models keys` wrote: remove the file and set the keys anew.")
    return found


def _is_record(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("variable"), str):
        return False
    return isinstance(record.get("key"), str) or record.get("keychain") is True


def stored_environment(provider: str) -> dict[str, str]:
    """Return a provider's variable with its stored key. Empty if none is stored.

    Raises:
        KeyStoreError: As in `records`, or the keychain does not return the key.
    """
    record = records().get(provider)
    if record is None:
        return {}
    if "key" in record:
        return {record["variable"]: record["key"]}
    from mcp_models.client import keychain

    return {record["variable"]: keychain.get(record["variable"])}


def write(stored: Mapping[str, Record]) -> None:
    """Replace the file. Only its owner can read it.

    Raises:
        KeyStoreError: The file or its folder cannot be written.
    """
    from mcp_models.client.atomic_file import write_atomically

    path = os.path.realpath(key_file())
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomically(path, (json.dumps(stored, indent=2) + "\n").encode(), mode=0o600)
    except OSError as error:
        raise KeyStoreError(f"{path} cannot be written: {error.strerror}.") from None
