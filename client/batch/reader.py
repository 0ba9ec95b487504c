"""Read rows ahead of the batch in a thread, so that neither a large file nor a slow pipe holds up the calls."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator

import msgspec

from mcp_models.client.batch.row import Row

CHUNK, CHUNK_BYTES = 200, 4 * 1024 * 1024
"""How many rows are read at once, and about how many bytes."""


class Reader:
    """The rows of the input, a chunk at a time.

    Args:
        rows: The rows.
        prepare: Called with each row in the thread.
        most: How many rows to read. None means all.
    """

    def __init__(self, rows: Iterator[Row], prepare: Callable[[Row], None], most: int | None = None) -> None:
        self._rows = rows if most is None else itertools.islice(rows, most)
        self._prepare = prepare
        self._reading: asyncio.Future[list[Row]] | None = None
        self.is_at_end = False

    def begin(self, woken: Callable[[], None]) -> None:
        """Begin to read a chunk, unless that is under way or there are no more.

        Args:
            woken: Called when `take` has something.
        """
        if self._reading is None and not self.is_at_end:
            self._reading = asyncio.get_running_loop().create_future()
            self._reading.add_done_callback(lambda _: woken())
            work = (asyncio.get_running_loop(), self._reading)
            # Nobody waits for a thread that waits for standard input, not even at the end of the process.
            threading.Thread(target=self._read, args=work, name="batch input", daemon=True).start()

    def take(self) -> list[Row]:
        """Return the chunk that has been read, or nothing if there is none yet.

        Raises:
            BatchError: The input cannot be read, or a row cannot be asked.
        """
        if self._reading is None or not self._reading.done():
            return []
        reading, self._reading = self._reading, None
        chunk = reading.result()
        self.is_at_end = not chunk
        return chunk

    def _read(self, loop: asyncio.AbstractEventLoop, reading: asyncio.Future[list[Row]]) -> None:
        try:
            chunk, error = self._chunk(), None
        except Exception as raised:
            chunk, error = [], raised

        def pass_on() -> None:
            if error is None:
                reading.set_result(chunk)
            else:
                reading.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(pass_on)

    def _chunk(self) -> list[Row]:
        chunk: list[Row] = []
        size = 0
        for row in self._rows:
            self._prepare(row)
            chunk.append(row)
            size += len(msgspec.json.encode(row.arguments))
            if len(chunk) == CHUNK or size >= CHUNK_BYTES:
                break
        return chunk
