"""Hold the pieces of a streamed answer until they are read."""

from __future__ import annotations

import threading
from collections import deque

from mcp_models.client.future import Future

MAX_UNREAD_CHARACTERS = 64 * 1024 * 1024
"""How much text may wait for the reader of a stream."""


class ChunkQueue:
    """A queue of the pieces of an answer, followed by the answer itself. Each `next` returns a future for one item."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: deque[Future] = deque()
        self._wanted: deque[Future] = deque()
        self._unread = 0

    def put(self, piece: str) -> None:
        """Add a piece.

        Raises:
            RuntimeError: Nobody reads the stream, and too much text is waiting already.
        """
        self._unread += len(piece)
        if self._unread > MAX_UNREAD_CHARACTERS:
            raise RuntimeError(f"nobody reads the stream: more than {MAX_UNREAD_CHARACTERS:,} characters wait")
        self._place().succeed(piece)

    def end_with(self, answer: Future) -> None:
        """Add the answer, or the error it failed with, as the last item once it has arrived."""
        answer.add_done_callback(self._end)

    def next(self) -> Future:
        """Return a future for the next item, whether or not it has arrived."""
        with self._lock:
            if not self._items:
                self._wanted.append(Future())
                return self._wanted[-1]
            item = self._items.popleft()
        if item.exception() is None and isinstance(piece := item.result(), str):
            self._unread -= len(piece)
        return item

    def _end(self, answer: Future) -> None:
        if error := answer.exception():
            self._place().fail(error)
        else:
            self._place().succeed(answer.result())

    def _place(self) -> Future:
        """Return the future that the next item belongs to. A reader may be waiting for it already."""
        with self._lock:
            if self._wanted:
                self._unread = 0
                return self._wanted.popleft()
            self._items.append(Future())
            return self._items[-1]
