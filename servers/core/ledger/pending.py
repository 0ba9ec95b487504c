"""Keep rows that are not in the database yet in a file, so that they survive the process.

Each process appends to a file of its own, in a folder beside the ledger, and holds a lock on it. A file whose lock is free was
left by a process that was killed: the next one that writes to the ledger takes its rows over.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading

import msgspec

from mcp_models.servers.core.ledger import row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_models.servers.core.ledger.row import Row

MAX_BYTES = 16 * 2**20
"""How much may wait. Rows beyond it are lost, as a ledger that cannot be written must not fill the disk."""

BLOCK_BYTES = 2**16

SUFFIX = ".rows"
_LOCKED_BYTE = 2**40  # far beyond any row, as Windows locks bytes against reading


class PendingError(Exception):
    """A row cannot be kept."""


class Segment:
    """A file of rows that is no longer appended to.

    Args:
        descriptor: The file, open and locked. None if the rows are in memory only.
        path: Where the file is.
        memory: Lines with further rows, which the disk did not take.
    """

    def __init__(self, descriptor: int | None, path: str, memory: list[bytes]) -> None:
        self._descriptor, self._path, self._memory = descriptor, path, memory

    def rows(self) -> Iterator[Row]:
        """Yield the rows, without any that a crash or a full disk has cut. They are read in blocks, as there may be many."""
        for line in itertools.chain(_lines(self._descriptor), self._memory):
            with contextlib.suppress(msgspec.DecodeError, UnicodeError):
                yield row.decode(line)

    def remove(self) -> None:
        """Delete the file, as its rows are in the database."""
        if self._descriptor is not None:
            _close(self._descriptor, self._path)


class PendingRows:
    """The rows of this process that are not in the database yet.

    Args:
        folder: Where to keep the file. It may not exist yet.
    """

    def __init__(self, folder: str) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._descriptor: int | None = None
        self._path = ""
        self._size = 0
        self._memory: list[bytes] = []  # what the disk did not take

    def append(self, record: Row) -> None:
        """Add a row.

        Raises:
            PendingError: So much is waiting that the row is lost.
        """
        line = row.encode(record) + b"\n"
        with self._lock:
            if self._size + len(line) > MAX_BYTES:
                raise PendingError("the ledger has not been written for so long that rows are lost")
            self._size += len(line)
            try:
                if self._descriptor is None:
                    self._descriptor, self._path = _new_file(self._folder)
                os.write(self._descriptor, line)
            except OSError:
                self._memory.append(line)

    def take(self) -> Segment | None:
        """Return the rows that are waiting, or None if there are none. What comes later goes into another file."""
        with self._lock:
            if not self._size:
                return None
            descriptor, path, memory = self._descriptor, self._path, self._memory
            self._descriptor, self._path, self._size, self._memory = None, "", 0, []
        return Segment(descriptor, path, memory)

    def discard(self) -> None:
        """Close the file of a parent process, in a child that was forked."""
        if self._descriptor is not None:
            os.close(self._descriptor)


def left_behind(folder: str) -> Iterator[Segment]:
    """Yield what killed processes have left in a folder."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name.endswith(SUFFIX) and (descriptor := _opened(path)) is not None:
                yield Segment(descriptor, path, [])


def _new_file(folder: str) -> tuple[int, str]:
    """Create a file and lock it.

    Raises:
        OSError: The folder or the file cannot be created, or the file cannot be locked.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    if _lock(descriptor) and os.fstat(descriptor).st_nlink:
        return descriptor, path
    os.close(descriptor)  # another process thought that it was left behind
    raise OSError("the file cannot be locked")


def _opened(path: str) -> int | None:
    """Open and lock a file that nobody else holds. Return None if somebody does, or if it has been deleted meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    if _lock(descriptor) and os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    """Lock a file for as long as it is open here. Return whether that worked."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lines(descriptor: int | None) -> Iterator[bytes]:
    """Yield the lines of a file."""
    if descriptor is None:
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    rest = b""
    while block := os.read(descriptor, BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _close(descriptor: int, path: str) -> None:
    """Close and delete a file. Windows deletes a closed file only, other systems must not unlock it first."""
    if os.name == "nt":
        os.close(descriptor)
    with contextlib.suppress(OSError):
        os.unlink(path)
    if os.name != "nt":
        os.close(descriptor)
