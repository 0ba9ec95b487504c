"""Write lines to a descriptor at once, or after the time that passed when they were recorded."""

from __future__ import annotations

import heapq
import os
import threading
import time


class Schedule:
    """Lines that are written when their time has come. You can use it from any thread.

    Args:
        target: The descriptor to write to.
        speed: How much faster than recorded. 0 means at once.
    """

    def __init__(self, target: int, speed: float = 0.0) -> None:
        self._target, self._speed = target, speed
        self._changed = threading.Condition()
        self._lines: list[tuple[float, int, str | None, bytes]] = []
        self._count, self._finishing = 0, False
        self._failure: OSError | None = None
        self._thread: threading.Thread | None = None

    def send(self, line: bytes, delay: float = 0.0, name: str | None = None) -> None:
        """Write a line after a delay.

        Args:
            line: The line, with its newline.
            delay: The recorded delay, in seconds.
            name: What to call it in `drop`.

        Raises:
            BrokenPipeError: Nobody reads the lines any more.
        """
        if self._speed == 0:
            self._write(line)
            return
        with self._changed:
            if self._failure:
                raise self._failure
            self._count += 1
            heapq.heappush(self._lines, (time.monotonic() + delay / self._speed, self._count, name, line))
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
                self._thread.start()

    def drop(self, name: str) -> None:
        """Forget the lines with a name that have not been written yet."""
        with self._changed:
            self._lines = [item for item in self._lines if item[2] != name]
            heapq.heapify(self._lines)
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            BrokenPipeError: Nobody reads the lines any more.
        """
        with self._changed:
            self._finishing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            while (line := self._next()) is not None:
                self._write(line)
        except OSError as error:
            with self._changed:
                self._failure, self._lines = error, []

    def _next(self) -> bytes | None:
        """Wait for the next line's time and return it. None at the end."""
        with self._changed:
            while True:
                if not self._lines:
                    if self._finishing:
                        return None
                    self._changed.wait()
                elif (seconds := self._lines[0][0] - time.monotonic()) > 0:
                    self._changed.wait(seconds)
                else:
                    return heapq.heappop(self._lines)[3]

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(self._target, view) :]
