"""Read a streamed answer piece by piece, in a thread or in a coroutine, and get the whole result at the end."""

from __future__ import annotations

import time

from mcp_models.client.chunk_queue import ChunkQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from typing import Any, Self, TypeAlias

    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.pending_call import PendingCall

    OnText: TypeAlias = Callable[[str], None]
    Read: TypeAlias = Callable[[dict[str, Any], PendingCall], CompletionResult]


class CompletionStream:
    """An iterator over the pieces of an answer. After the last one, `result` is what `call()` would have returned.

    The model is asked when you read the first piece, and you can iterate only once. To stop early, break out of the loop or
    call `close`. Either stops the work.
    """

    def __init__(self, begin: Callable[[OnText], PendingCall], read: Read, seconds: float) -> None:
        self._answer = _Answer(read, seconds)
        self._pieces = _pieces(self._answer, begin)

    @property
    def result(self) -> CompletionResult:
        """The whole result, once you have read the stream to its end.

        Raises:
            RuntimeError: You have not.
        """
        return self._answer.result()

    def close(self) -> None:
        """Stop the work, if it is not done."""
        self._pieces.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        return next(self._pieces)


class AsyncCompletionStream:
    """The same as `CompletionStream`, for `async for`."""

    def __init__(self, begin: Callable[[OnText], Awaitable[PendingCall]], read: Read, seconds: float) -> None:
        self._answer = _Answer(read, seconds)
        self._pieces = _apieces(self._answer, begin)

    @property
    def result(self) -> CompletionResult:
        """The whole result, once you have read the stream to its end.

        Raises:
            RuntimeError: You have not.
        """
        return self._answer.result()

    async def aclose(self) -> None:
        """Stop the work, if it is not done."""
        await self._pieces.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        return await anext(self._pieces)


class _Answer:
    """The state of a streamed answer.

    A stream and its generator share this object and do not refer to each other, so a stream that you drop stops at once.
    """

    def __init__(self, read: Read, seconds: float) -> None:
        self.chunks = ChunkQueue()
        self.seconds = seconds
        self._read = read
        self._deadline = 0.0
        self._has_text = False
        self._result: CompletionResult | None = None

    @property
    def has_ended(self) -> bool:
        return self._result is not None

    def begin(self) -> None:
        """Start the clock."""
        self._deadline = time.monotonic() + self.seconds

    def remaining(self) -> float:
        """Return the seconds until the deadline."""
        return max(0.0, self._deadline - time.monotonic())

    def take(self, item: str | dict[str, Any], pending: PendingCall) -> str | None:
        """Take a piece or, at the end, the tool's result. Return the text to show: some servers send all text at the end."""
        if isinstance(item, str):
            self._has_text = True
            return item
        self._result = self._read(item, pending)
        return None if self._has_text else self._result["output"]

    def result(self) -> CompletionResult:
        if self._result is None:
            raise RuntimeError("the stream has no result yet: read it to its end first")
        return self._result


def _pieces(answer: _Answer, begin: Callable[[OnText], PendingCall]) -> Generator[str, None, None]:
    answer.begin()
    pending = begin(answer.chunks.put)
    try:
        answer.chunks.end_with(pending.future)
        while not answer.has_ended:
            item = pending.wait_for(answer.chunks.next(), answer.remaining(), answer.seconds)
            if text := answer.take(item, pending):
                yield text
    finally:
        pending.leave()


async def _apieces(answer: _Answer, begin: Callable[[OnText], Awaitable[PendingCall]]) -> AsyncGenerator[str, None]:
    answer.begin()
    pending = await begin(answer.chunks.put)
    try:
        answer.chunks.end_with(pending.future)
        while not answer.has_ended:
            item = await pending.await_for(answer.chunks.next(), answer.remaining(), answer.seconds)
            if text := answer.take(item, pending):
                yield text
    finally:
        pending.leave()
