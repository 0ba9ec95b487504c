"""Put right what a fork leaves behind: locks that another thread held, and the servers and threads of the parent."""

from __future__ import annotations

import os
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Forked(Protocol):
        """Something that has to be made anew in a forked process."""

        def after_fork(self) -> None:
            """Called in the child, where no other thread runs."""


_known: weakref.WeakSet[Forked] = weakref.WeakSet()


def remember(thing: Forked) -> None:
    """Call `thing.after_fork` in every process that is forked from this one, as long as the thing lives."""
    _known.add(thing)


def _after_fork() -> None:
    for thing in list(_known):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
