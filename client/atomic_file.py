"""Write a file so that no reader, and no crash, ever sees half of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile


def write_atomically(path: str, data: bytes, mode: int | None = None) -> None:
    """Write a temporary file beside a file, as the old one was owned and could be read, and put it in its place.

    Args:
        path: The file itself, not a link to it.
        data: All that it shall hold.
        mode: Its permissions; None means those that the old file has, or the system's default for a new one.

    Raises:
        OSError: It cannot be written, or not with the old owner; then nothing has changed.
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
    """Give a new file the owner, permissions and extended attributes of an old one, and the present time."""
    before = os.stat(old)
    if hasattr(os, "chown") and (before.st_uid, before.st_gid) != (os.stat(new).st_uid, os.stat(new).st_gid):
        os.chown(new, before.st_uid, before.st_gid)
    shutil.copystat(old, new)
    os.chmod(new, stat.S_IMODE(before.st_mode))  # after the owner, whose change clears some bits
    os.utime(new)


def _umask() -> int:
    """Return the process's mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
