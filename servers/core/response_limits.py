"""Check each response of a provider, and bound how much of it is read, counted after it is unpacked.

Without the limits, a small compressed body or a stream without an end takes all the memory of the machine until the call's
deadline. `check_response` is a response hook of the HTTP client, so it holds for every adapter and SDK.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from mcp_models.servers.core import errors

LONGEST_EVENT = 16 * 1024 * 1024
"""The most bytes of one event of a stream, or of a whole response that is not a stream."""

LONGEST_RESPONSE = 64 * 1024 * 1024
"""The most bytes of a streamed response. An answer of 128,000 tokens fits, if no more than 500 bytes are sent for each."""

LONGEST_FILE = 8 * 1024 * 1024 * 1024
"""The most bytes of a file of lines. A provider takes 2 GB of requests at most, and answers are seldom longer."""

LONGEST_ERROR = 1024 * 1024
"""How many bytes of an error's body are read. The rest is left out."""

_EVENT_ENDS: dict[str, tuple[bytes, ...]] = {
    "text/event-stream": (b"\n\n", b"\n\r\n", b"\r\r"),
    "application/x-ndjson": (b"\n",),
}


async def check_response(response: httpx2.Response) -> None:
    """Refuse a response that cannot be an answer, and let the body of any other end at the limits.

    No redirect is followed, as the prompt and the key were meant for this address only.

    Args:
        response: The response. Nothing of its body may have been read.

    Raises:
        UnusableResponseError: It is a redirect or a web page.
    """
    _check_head(response)
    _limit(response, LONGEST_EVENT, LONGEST_RESPONSE, _EVENT_ENDS.get(_kind(response), ()))


async def check_file(response: httpx2.Response) -> None:
    """Do the same with a response that may be a file of lines: no line of it is longer than an event of a stream.

    Args:
        response: As in `check_response`.

    Raises:
        UnusableResponseError: As in `check_response`.
    """
    _check_head(response)
    if _kind(response) == "application/json":
        _limit(response, LONGEST_RESPONSE, LONGEST_RESPONSE)
    else:
        _limit(response, LONGEST_EVENT, LONGEST_FILE, (b"\n",))


def _check_head(response: httpx2.Response) -> None:
    if response.has_redirect_location:
        raise UnusableResponseError(f"it redirects to {response.headers['location'][:200]}: check the address.")
    if response.is_success and _kind(response) == "text/html":
        raise UnusableResponseError("it answered with a web page: check the address.")


def _limit(response: httpx2.Response, longest_event: int, longest: int, ends: tuple[bytes, ...] = ()) -> None:
    """Let the body end at the limits. An event ends with one of `ends`."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    packed = httpx2.Response(response.status_code, headers=response.headers, stream=response.stream, request=response.request)
    response.stream = _LimitedStream(packed, longest_event, longest, ends)
    response.headers.pop("content-encoding", None)  # the limited stream unpacks it


class _LimitedStream(httpx2.AsyncByteStream):
    """The unpacked body of a response, up to the limits.

    Args:
        response: The response. Nothing of its body may have been read.
        longest_event: The most bytes of an event.
        longest: The most bytes of all.
        ends: What an event ends with.
    """

    def __init__(self, response: httpx2.Response, longest_event: int, longest: int, ends: tuple[bytes, ...]) -> None:
        self._response = response
        self._chunks = response.aiter_bytes()
        self._longest_event, self._longest, self._ends = longest_event, longest, ends
        self._event = self._total = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what has not been read. OpenAI's SDK asks again for the rest, so that the connection can be used again."""
        async for chunk in self._chunks:
            self._total += len(chunk)
            if not self._response.is_error:
                self._check(chunk)
            yield chunk
            if self._response.is_error and self._total >= LONGEST_ERROR:
                return

    async def aclose(self) -> None:
        """Close the connection, or give it back if the body was read to its end."""
        await self._response.aclose()

    def _check(self, chunk: bytes) -> None:
        end = max((chunk.rfind(end) for end in self._ends), default=-1)
        self._event = len(chunk) - end if end >= 0 else self._event + len(chunk)
        if self._event > self._longest_event:
            raise UnusableResponseError(f"it sent more than {self._longest_event >> 20} MB in one piece.")
        if self._total > self._longest:
            raise UnusableResponseError(f"it sent more than {self._longest >> 20} MB for one answer.")


def _kind(response: httpx2.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


class UnusableResponseError(errors.ProviderError):
    """A response cannot be an answer, or is longer than any."""
