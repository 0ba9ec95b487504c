"""Wait for work that has no time limit of its own, such as a keychain or the system's look-up of a name."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run something in a thread and return its result, but give up waiting for it after some seconds.

    The thread goes on by itself. It does not keep the process alive.

    Raises:
        TimeoutError: It took too long.
        BaseException: Whatever it raised itself.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="work with a time limit", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"it took more than {seconds:g} s")
    return results[0]
