"""Hand work to a thread, so that it does not hold up the event loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")

MAX_WAITING = 10_000
"""How many items may wait. Further ones are dropped: what is watched counts more than the watching."""

logger = logging.getLogger("mcp_models")


class Worker(Generic[Item]):
    """A thread that takes one item after another.

    Args:
        name: The thread's name.
        start: Called first, in the thread. It returns what to do with an item, and what to do to send off all that waits. If it
            fails, all items are dropped.
    """

    def __init__(self, name: str, start: Callable[[], tuple[Callable[[Item], None], Callable[[], None]]]) -> None:
        self._name, self._start = name, start
        self._items: queue.Queue[Item | Future[None]] = queue.Queue(MAX_WAITING)
        self._has_warned = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, item: Item) -> None:
        """Hand over an item, without waiting. It is dropped if far too many wait."""
        try:
            self._items.put_nowait(item)
        except queue.Full:
            if not self._has_warned:
                self._has_warned = True
                logger.warning(f"{self._name}: more comes than can be written, so some of it is lost")

    async def flush(self, seconds: float) -> None:
        """Wait at most `seconds` until all that was handed over is done and sent off."""
        done: Future[None] = Future()
        try:
            self._items.put_nowait(done)
            async with asyncio.timeout(seconds):
                await asyncio.wrap_future(done)
        except (queue.Full, TimeoutError):
            logger.warning(f"{self._name}: not all could be sent off in {seconds:g} s")

    def _run(self) -> None:
        take, send_off = _started(self._name, self._start)
        while True:
            item = self._items.get()
            try:
                if isinstance(item, Future):
                    send_off()
                else:
                    take(item)
            except Exception as error:  # no item may end the thread
                logger.warning(f"{self._name}: failed with {type(error).__name__}")
            if isinstance(item, Future) and item.set_running_or_notify_cancel():
                item.set_result(None)


def _started(
    name: str, start: Callable[[], tuple[Callable[[Item], None], Callable[[], None]]]
) -> tuple[Callable[[Item], None], Callable[[], None]]:
    try:
        return start()
    except Exception as error:  # the calls go on without
        logger.warning(f"{name}: off, as its start failed with {type(error).__name__}: {error}")
        return (lambda _: None), (lambda: None)
