"""Define `RefusedError`: why a file is not attached."""

from __future__ import annotations

import errno
import os

LINK = "it is a link, or lies behind one, and links are not followed"
NOT_REGULAR = "it is not a regular file"

_REASONS = {
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: LINK,
    errno.EACCES: "the server may not read it",
    errno.EPERM: "the server may not read it",
    errno.ENXIO: NOT_REGULAR,
}


class RefusedError(Exception):
    """A file is not attached.

    Args:
        reason: Why, as a sentence about the file without a full stop.
        missing: Whether nothing is there, so that another folder may have it.
    """

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.missing = reason, missing


def from_system(error: OSError) -> RefusedError:
    """Return the refusal for an error of the operating system."""
    number = error.errno or errno.EIO
    if number in (errno.ENOENT, errno.ENOTDIR):
        return RefusedError("it is not there", missing=True)
    return RefusedError(_REASONS.get(number) or f"it cannot be read: {os.strerror(number)}")
