"""Turn Anthropic's errors into ours: those of its SDK, and those that stand in a stream or in the results of a batch.

Source: https://platform.claude.com/docs/en/api/errors.
"""

from __future__ import annotations

from contextlib import contextmanager

from mcp_models.servers import core
from mcp_models.servers.core import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from anthropic import APIStatusError

# Look at the type before the status, because an error within a stream comes with HTTP 200.
_BY_TYPE: dict[str, type[errors.CompletionError]] = {
    "authentication_error": errors.AuthenticationError,
    "billing_error": errors.BillingError,
    "not_found_error": errors.ModelNotFoundError,
    "overloaded_error": errors.OverloadedError,
    "permission_error": errors.PermissionDeniedError,
    "rate_limit_error": errors.RateLimitError,
    "request_too_large": errors.ContextLengthError,
    "timeout_error": errors.CallTimeoutError,
}

# The last two come from llama.cpp and LiteLLM.
_TOO_LONG = ("prompt is too long", "exceed context limit", "exceed_context_size_error", "ContextWindowExceededError")

# Errors that no retry will fix, even if they come in the middle of a stream.
_FOR_GOOD = (
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "not_found_error",
    "permission_error",
    "request_too_large",
)


@contextmanager
def map_api_errors(base: str) -> Iterator[None]:
    """Turn what the SDK raises into a `CompletionError`.

    Args:
        base: The server's address, for the message.
    """
    from anthropic import APIConnectionError, APIError, APIStatusError, APITimeoutError

    try:
        yield
    except APITimeoutError as error:
        raise errors.CallTimeoutError(f"{base} was silent for too long.") from error
    except APIConnectionError as error:
        raise core.http.connection_error(error, base) from error
    except APIStatusError as error:
        raise _failure(error) from error
    except APIError as error:
        raise errors.ProviderError(f"{core.http.quote(error.body or error.message)}.") from error


def _failure(error: APIStatusError) -> errors.CompletionError:
    said = core.http.quote(error.body if error.body is not None else error.response.text)
    if error.status_code == 200:
        return failed_while_answering(error.type or "", said, error.request_id, error.body)
    return core.http.from_response(error.response, said, _class(error.type or "", f"{said} {error.body}"))


def failed_while_answering(kind: str, said: str, request_id: str | None = None, body: object = None) -> errors.CompletionError:
    """Return the error for one that comes within a stream, or instead of a message in the results of a batch.

    Args:
        kind: Its type, in Anthropic's words.
        said: What it says.
        request_id: Anthropic's identifier for the request.
        body: The whole error, which may say more.
    """
    cls = _class(kind, f"{said} {body}") or (
        errors.InvalidRequestError if kind == "invalid_request_error" else errors.ProviderError
    )
    return cls(f"the model failed while it answered: {said}.", request_id=request_id, retryable=kind not in _FOR_GOOD)


def _class(kind: str, text: str) -> type[errors.CompletionError] | None:
    """Return the error's class if its type or its text determines it."""
    if any(words in text for words in _TOO_LONG):
        return errors.ContextLengthError
    if "Invalid model name passed" in text:  # from LiteLLM
        return errors.ModelNotFoundError
    if "credit balance" in text:
        return errors.BillingError
    return _BY_TYPE.get(kind)
