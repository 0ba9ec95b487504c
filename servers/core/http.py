"""Share what all HTTP adapters need: a client, its failures as `CompletionError`s, and readers for responses."""

from __future__ import annotations

import json
import ssl
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from mcp_models.servers.core import errors
from mcp_models.servers.core.response_limits import UnusableResponseError, check_file, check_response
from mcp_models.servers.core.retry import retry_after
from mcp_models.servers.core.settings import is_loopback

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 300.0
CONNECTIONS = 1000
_LONGEST_QUOTE = 300


def new_client(base_url: str, headers: dict[str, str] | None = None, *, for_files: bool = False) -> httpx2.AsyncClient:
    """Return a provider's HTTP client.

    It has no read timeout, because each call has a deadline. It uses no proxy for loopback addresses, and reads no more of a
    response than `response_limits.py` allows.

    Args:
        base_url: The provider's address.
        headers: Headers for every request.
        for_files: Whether it transfers files, which have no deadline. It gives up after `IDLE_SECONDS` of silence.
    """
    return httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(IDLE_SECONDS if for_files else None, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        trust_env=not is_loopback(base_url),
        verify=_authorities(base_url),
        event_hooks={"response": [check_file if for_files else check_response]},
    )


def _authorities(base_url: str) -> ssl.SSLContext | bool:
    """Return what to verify TLS with. Plain HTTP on loopback gets an empty context: reading the certificates takes 20 ms."""
    if is_loopback(base_url) and base_url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True


@contextmanager
def map_transport_errors(address: str, cure: str = "") -> Iterator[None]:
    """Turn connection failures, and answers that make no sense, into a `CompletionError`.

    Args:
        address: The provider's address, for the message.
        cure: What you can do if nothing answers there, as a sentence.
    """
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise errors.UnreachableError(f"nothing answers at {address}. {cure}".strip()) from error
    except httpx2.TimeoutException as error:
        raise errors.CallTimeoutError(f"{address} was silent for too long.") from error
    except httpx2.SSEError as error:
        raise errors.ProviderError(f"{address} answered with something that is no event stream.") from error
    except (httpx2.DecodingError, httpx2.TooManyRedirects) as error:
        raise errors.ProviderError(
            f"{address} answered with something that cannot be read ({type(error).__name__})."
        ) from error
    except httpx2.TransportError as error:
        raise errors.UnreachableError(f"the connection to {address} broke off ({type(error).__name__}).") from error
    except (httpx2.StreamError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        traceback.print_exc(file=sys.stderr)
        raise errors.ProviderError(f"{address} answered with something it never should ({type(error).__name__}).") from error


def connection_error(error: Exception, address: str) -> errors.CompletionError:
    """Return the error for an SDK's connection error, whose cause tells what happened.

    Args:
        error: The SDK's error.
        address: The provider's address, for the message.
    """
    cause = error.__cause__
    if isinstance(cause, UnusableResponseError):
        return cause
    if isinstance(cause, httpx2.DecodingError):
        return errors.ProviderError(f"{address} answered with something that cannot be read (DecodingError).")
    return errors.UnreachableError(f"nothing answers at {address}, or it hung up.")


async def get_json(client: httpx2.AsyncClient, url: str, headers: dict[str, str] | None = None) -> Any:
    """Fetch a URL and return the JSON it answers with, for lists of models.

    Raises:
        CompletionError: The answer has an error status.
    """
    response = await client.get(url, headers=headers)
    if response.status_code != 200:
        raise from_response(response, quote(response.content))
    return response.json()


async def events(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON objects of a stream of server-sent events, up to `[DONE]` if it sends that."""
    async for event in httpx2.EventSource(response):
        if event.data == "[DONE]":
            return
        if event.data:
            yield json.loads(event.data)


async def lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield the lines of a response without their ends, as they arrive. Only a line feed ends one, as in JSON Lines."""
    unread: list[bytes] = []
    async for chunk in response.aiter_bytes():
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*unread, line])
            unread.clear()
        unread.append(rest)
    if last := b"".join(unread):
        yield last


def data_uri(url: str, title: str, kind: str = "image") -> tuple[str, str]:
    """Split the `data:` URI of an image or a document into its media type and its base64 text.

    Args:
        url: The address.
        title: The provider's title, for the error message.
        kind: `image` or `document`, for the error message.

    Raises:
        InvalidRequestError: The URL is of another kind.
    """
    head, _, data = url.partition(";base64,")
    if not data or not head.startswith(("data:image/", "data:application/pdf")):
        raise errors.InvalidRequestError(f"{title} takes {kind}s only as base64 `data:` URIs.")
    return head.removeprefix("data:"), data


def from_response(
    response: httpx2.Response, said: str, cls: type[errors.CompletionError] | None = None, **details: Any
) -> errors.CompletionError:
    """Return the error for a response with an error status.

    Args:
        response: The response. Its status, `Retry-After` and request id go into the error.
        said: What the provider said.
        cls: The error's class if the provider's words determine it. None means that the status does.
        details: Further arguments of `CompletionError`.
    """
    details.setdefault("retry_after", retry_after(response.headers))
    if details["retry_after"] is None and (passed_on := response.headers.get("llm_provider-retry-after")):  # LiteLLM's header
        details["retry_after"] = retry_after({"retry-after": passed_on})
    details.setdefault("request_id", response.headers.get("x-request-id") or response.headers.get("request-id"))
    message = f"{said.rstrip('.')} (HTTP {response.status_code})."
    if cls is None and response.status_code == 404 and "model" not in said.lower():
        cls = errors.ConfigurationError
        message = f"{said.rstrip('.')} (HTTP 404): nothing at {response.url.path}; check the server's address."
    if "input is not supported" in said:  # llama.cpp answers 500 to an image for a model without vision
        cls = errors.InvalidRequestError
    if cls is not None:
        return cls(message, status=response.status_code, **details)
    return errors.from_status(response.status_code, message, **details)


def quote(body: Any) -> str:
    """Return what a provider's error body says, in one line: the message in its JSON, or the beginning of its text."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, (dict, list)):
            return _one_line("an HTML page" if body.lstrip()[:1] == "<" else body)
        body = parsed
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict):  # Gemini does this at times
        body = body[0]
    if isinstance(body, dict):
        for key in ("error", "message", "detail"):
            if body.get(key):
                return quote(body[key])
    return _one_line(body if isinstance(body, str) else json.dumps(body))


def _one_line(text: str) -> str:
    line = " ".join(text.split()) or "no explanation"
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "…"
