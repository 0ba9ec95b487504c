"""Write a file so that nobody ever sees half of it, not even after a crash."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile


def write_atomically(path: str, data: bytes, mode: int | None = None) -> None:
    """Replace a file in one step. The new file keeps the owner, the permissions and the extended attributes of the old one.

    Args:
        path: The file itself, not a link to it.
        data: The whole new content.
        mode: The permissions. None means those of the old file, or the system's default for a new one.

    Raises:
        OSError: The file cannot be written, or not with the old owner. Nothing has changed then.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=".mcp-models-", dir=os.path.dirname(path))
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            _take_over(path, temporary)
        elif mode is None:
            os.chmod(temporary, 0o666 & ~_umask())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _take_over(old: str, new: str) -> None:
    """Copy the owner, the permissions and the extended attributes of the old file to the new one, but not its times."""
    before = os.stat(old)
    if hasattr(os, "chown") and (before.st_uid, before.st_gid) != (os.stat(new).st_uid, os.stat(new).st_gid):
        os.chown(new, before.st_uid, before.st_gid)
    shutil.copystat(old, new)
    os.chmod(new, stat.S_IMODE(before.st_mode))  # last, as changing the owner clears some bits
    os.utime(new)


def _umask() -> int:
    """Return the process's umask. The only way to read it is to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
