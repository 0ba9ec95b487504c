"""Keep the requests of a session that have no answer yet, and give each what arrives for it."""

from __future__ import annotations

import threading

from mcp_models.client.pending_call import PendingCall, reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeGuard

    from mcp_models.client.errors import SessionError

    OnProgress: TypeAlias = Callable[[dict[str, Any]], None]


class PendingRequests:
    """The requests in flight, by their ids. You can use it from any thread.

    Attributes:
        end: Why no further requests can be made. None while they can.
    """

    def __init__(self) -> None:
        self.end: SessionError | None = None
        self._lock = threading.RLock()  # reentrant, as the garbage collector may abandon a stream while this thread holds it
        self._last_id = 0
        self._calls: dict[int, PendingCall] = {}
        self._on_progress: dict[int, OnProgress] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, request_id: int) -> bool:
        return request_id in self._calls

    def add(
        self,
        abandon: Callable[[int, str], None],
        late: Callable[[float], SessionError],
        on_progress: OnProgress | None,
    ) -> tuple[int, PendingCall]:
        """Begin a request, and return its id and its pending call.

        Args:
            abandon: Called with the id and a reason when nobody waits for the answer any more.
            late: Returns the error for an answer that has not come within so many seconds.
            on_progress: Called with the `params` of each progress notification.

        Raises:
            SessionError: No further requests can be made.
        """
        with self._lock:
            if self.end is not None:
                raise self.end.again()
            self._last_id += 1
            request_id = self._last_id
            pending = self._calls[request_id] = PendingCall(lambda reason: abandon(request_id, reason), late)
            if on_progress is not None:
                self._on_progress[request_id] = on_progress
        return request_id, pending

    def ids(self) -> list[int]:
        """Return the ids of the requests in flight."""
        with self._lock:
            return list(self._calls)

    def was_made(self, request_id: object) -> TypeGuard[int]:
        """Return whether there has ever been a request with this id."""
        return isinstance(request_id, int) and not isinstance(request_id, bool) and 0 < request_id <= self._last_id

    def take(self, request_id: int) -> PendingCall | None:
        """Remove a request and return its pending call. None if it is not in flight."""
        with self._lock:
            self._on_progress.pop(request_id, None)
            return self._calls.pop(request_id, None)

    def receive_progress(self, params: dict[str, Any], cancel: Callable[[int], object]) -> None:
        """Pass a progress notification on to whoever asked for it.

        Args:
            params: The notification's `params`.
            cancel: Called with the request's id if the callback fails, to stop the work. This ends the call with the
                callback's own error, and not the thread that reads for all.
        """
        token = params.get("progressToken")
        on_progress = self._on_progress.get(token) if isinstance(token, int) else None
        if on_progress is None or not isinstance(token, int):
            return
        try:
            with reading():
                on_progress(params)
        except BaseException as error:
            if pending := self.take(token):
                cancel(token)  # first, as the caller may ask again once it knows
                pending.fail(error)

    def fail(self, error: SessionError) -> None:
        """Fail the requests in flight with this error."""
        with self._lock:
            waiting = list(self._calls.values())
            self._calls.clear()
            self._on_progress.clear()
        for pending in waiting:
            pending.fail(error.again())

    def close(self, error: SessionError) -> None:
        """Fail the requests in flight with this error, and all further ones with the first such error."""
        with self._lock:
            self.end = self.end or error
        self.fail(error)
