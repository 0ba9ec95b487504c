"""Turn codex's failures into our errors, using its messages and the codes that `codex app-server` adds to them.

The messages are those of codex 0.169.0, as seen with a fake of the service.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import errors

if TYPE_CHECKING:
    from mcp_models.servers.codex.login import Login


LONGEST = 2000


class LoginRefusedError(errors.AuthenticationError):
    """The service does not accept the login any more."""

    advice = ""


# app-server's code decides first, and then the first pattern that matches the text.
_BY_CODE: dict[str, type[errors.CompletionError]] = {
    "unauthorized": LoginRefusedError,
    "usageLimitExceeded": errors.RateLimitError,
    "rateLimitExceeded": errors.RateLimitError,
    "serverOverloaded": errors.OverloadedError,
    "modelNotFound": errors.ModelNotFoundError,
    "contextWindowExceeded": errors.ContextLengthError,
    "cyberPolicy": errors.ContentFilterError,
    "misalignmentPolicyViolation": errors.ContentFilterError,
    "inferenceHookDenied": errors.PermissionDeniedError,
    "badRequest": errors.InvalidRequestError,
}
_BY_TEXT: list[tuple[str, type[errors.CompletionError]]] = [
    (r"could not be refreshed|sign in again|plan type is required", LoginRefusedError),
    (r"usage limit|last status: 429", errors.RateLimitError),
    (r"at capacity", errors.OverloadedError),
    (r"does not exist or you do not have access|is not supported when using Codex", errors.ModelNotFoundError),
    (r"ran out of room|input_too_large|maximum length of \d+ characters", errors.ContextLengthError),
    (r"content_filter|^Invalid prompt", errors.ContentFilterError),
    (r"status 403", errors.PermissionDeniedError),
    (r"high demand", errors.ProviderError),
    (r"^(stream disconnected|Connection failed|workspace routing discovery)|error sending request", errors.UnreachableError),
]


def from_codex(message: str, login: Login, code: Any = None) -> errors.CompletionError:
    """Return the error for a turn that failed.

    Args:
        message: codex's message.
        login: The login. If it was refused, the error names the command that renews it.
        code: The `codexErrorInfo` of app-server. None for `codex exec`.
    """
    said, request_id = _tidied(message)
    status = _status(code, message)
    cls = _class(said, code, status, message)
    if cls is LoginRefusedError:
        said = f"OpenAI does not accept the ChatGPT login ({said.rstrip('.')}): run {login.cure()}."
    return cls(
        said,
        status=status,
        # codex itself has retried all of these, except a rate limit.
        already_retried=cls is not errors.RateLimitError or "usage limit" in said,
        retryable=True if cls is errors.ProviderError and (status or 500) >= 500 else None,
        retry_after=retry_after(said),
        request_id=request_id,
    )


def _class(said: str, code: Any, status: int | None, message: str) -> type[errors.CompletionError]:
    if said.startswith("Quota exceeded"):  # app-server calls this a usage limit, but waiting does not help
        return errors.BillingError
    if status == 401:
        return LoginRefusedError
    if isinstance(code, str) and code in _BY_CODE:
        return _BY_CODE[code]
    for pattern, cls in _BY_TEXT:
        if re.search(pattern, said):
            return cls
    if status is not None:
        return type(errors.from_status(status, ""))
    return errors.InvalidRequestError if message.lstrip().startswith("{") else errors.ProviderError


def _tidied(message: str) -> tuple[str, str | None]:
    """Return the message without its URL and identifiers, taken out of JSON if needed, and the request's id."""
    request_id = re.search(r", request id: ([\w-]+)", message)
    text = re.sub(r", (url|request id|cf-ray): [^\s,]+", "", message)
    try:
        record = json.loads(text)
        text = str(record.get("detail") or record["error"]["message"])
    except (ValueError, LookupError, AttributeError, TypeError):
        pass
    text = text.strip()[:LONGEST]
    return text if text.endswith((".", "!", "?")) else f"{text}.", request_id[1] if request_id else None


def _status(code: Any, message: str) -> int | None:
    if isinstance(code, dict):
        for details in code.values():
            if isinstance(details, dict) and isinstance(status := details.get("httpStatusCode"), int):
                return status
    found = re.search(r"(?:unexpected|last) status:? (\d{3})|\((401)\)", message)
    return int(found[1] or found[2]) if found else None


def retry_after(said: str, now: datetime.datetime | None = None) -> float | None:
    """Return the seconds until the local time named in a usage limit, such as "5:09 PM" or "Nov 25th, 2026 4:08 PM".

    Args:
        said: codex's message.
        now: The current time. None means to read the clock.
    """
    found = re.search(r"try again at (?:(\w{3}) (\d+)\w{2}, (\d{4}) )?(\d+:\d\d [AP]M)", said)
    if not found:
        return None
    now = now or datetime.datetime.now()
    month, day, year, clock = found.groups()
    try:
        time = datetime.datetime.strptime(clock, "%I:%M %p").time()
        date = datetime.datetime.strptime(f"{month} {day} {year}", "%b %d %Y").date() if month else now.date()
    except ValueError:
        return None
    then = datetime.datetime.combine(date, time) + datetime.timedelta(minutes=1)  # as the message leaves out the seconds
    if month is None and then <= now:
        then += datetime.timedelta(days=1)
    return max(0.0, round((then - now).total_seconds()))
