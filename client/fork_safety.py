"""Clean up after a fork. The child inherits locks that another thread held, and the parent's servers and threads."""

from __future__ import annotations

import os
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Forked(Protocol):
        """An object with state that is not valid in a forked process."""

        def after_fork(self) -> None:
            """Reset that state. This runs in the child, where no other thread is running."""


_known: weakref.WeakSet[Forked] = weakref.WeakSet()


def remember(thing: Forked) -> None:
    """Call `thing.after_fork` in every process forked from this one, for as long as the object exists."""
    _known.add(thing)


def _after_fork() -> None:
    for thing in list(_known):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
