"""Keep codex's threads after their turns, so that the next turn of a conversation goes on in its own thread."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from mcp_models.servers.core.completion import Usage

MOST_THREADS = 16
"""How many threads to keep. The one used least recently goes first."""


class KeptThread(Struct, frozen=True):
    """A thread of codex's that waits for its next turn.

    Attributes:
        id: Its name in codex.
        usage: The tokens of all its turns.
    """

    id: str
    usage: Usage


class KeptThreads:
    """The threads of one process, by what was said in them."""

    def __init__(self) -> None:
        self._by_history: OrderedDict[str, KeptThread] = OrderedDict()

    def take(self, history: str | None) -> KeptThread | None:
        """Return the thread in which just this was said, and forget it. None if there is none."""
        return None if history is None else self._by_history.pop(history, None)

    def keep(self, history: str, thread: KeptThread) -> list[KeptThread]:
        """Keep a thread. Return those that have to go.

        Args:
            history: What was said in it, as `turn.said_after` gives it.
            thread: The thread.
        """
        gone = [same] if (same := self._by_history.pop(history, None)) else []
        self._by_history[history] = thread
        while len(self._by_history) > MOST_THREADS:
            gone.append(self._by_history.popitem(last=False)[1])
        return gone


def since(total: Usage, before: Usage) -> Usage:
    """Return the tokens that were used after there were so many before."""
    return Usage(
        input_tokens=total.input_tokens - before.input_tokens,
        output_tokens=total.output_tokens - before.output_tokens,
        cache_read_tokens=total.cache_read_tokens - before.cache_read_tokens,
        cache_write_tokens=total.cache_write_tokens - before.cache_write_tokens,
        reasoning_tokens=total.reasoning_tokens - before.reasoning_tokens,
    )
