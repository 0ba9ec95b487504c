"""Count the things that a process must not leave behind."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import NamedTuple


class Counts(NamedTuple):
    """What a process has. Idle threads that Python keeps in executors do not count."""

    children: int
    threads: int
    descriptors: int

    def within(self, before: Counts) -> bool:
        """Return whether nothing has been added since `before`. Things that an earlier test left may have gone meanwhile."""
        return all(now <= was for now, was in zip(self, before, strict=True))


def counts() -> Counts:
    """Return the counts now."""
    gc.collect()
    children = [child for task in Path("/proc/self/task").iterdir() for child in _children(task)]
    threads = [
        thread for thread in threading.enumerate() if not thread.name.startswith(("ThreadPool", "asyncio_", "mcp-models"))
    ]
    return Counts(len(children), len(threads), len(os.listdir("/proc/self/fd")))


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:  # the thread has ended meanwhile
        return []
