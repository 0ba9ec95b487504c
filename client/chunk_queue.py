"""Holds the pieces of a streamed answer until its reader takes them."""

from __future__ import annotations

import threading
from collections import deque

from mcp_models.client.future import Future

MAX_UNREAD_CHARACTERS = 64 * 1024 * 1024
"""The most text that may wait for whoever reads a stream."""


class ChunkQueue:
    """Pieces of an answer in the order in which they come, then the answer; each `next` is an outcome for one more."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: deque[Future] = deque()
        self._wanted: deque[Future] = deque()
        self._unread = 0

    def put(self, piece: str) -> None:
        """Add a piece.

        Raises:
            RuntimeError: Nobody takes them, and too much waits already.
        """
        self._unread += len(piece)
        if self._unread > MAX_UNREAD_CHARACTERS:
            raise RuntimeError(f"nobody reads the stream: more than {MAX_UNREAD_CHARACTERS:,} characters wait")
        self._place().succeed(piece)

    def end_with(self, answer: Future) -> None:
        """Add an answer, or what it failed with, once it is there."""
        answer.add_done_callback(self._end)

    def next(self) -> Future:
        """Return the next piece."""
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
        """Return where the next piece belongs: somebody may wait for it already."""
        with self._lock:
            if self._wanted:
                self._unread = 0
                return self._wanted.popleft()
            self._items.append(Future())
            return self._items[-1]
