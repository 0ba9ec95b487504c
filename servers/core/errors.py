"""Define the errors a completion can end with.

    CompletionError
    ├── ConfigurationError     configuration    a key (`MissingKeyError`), an SDK or a program is missing
    ├── AuthenticationError    authentication   the provider refused the credentials
    ├── PermissionDeniedError  permission       the account may not use this model or feature
    ├── BillingError           billing          no credit, no plan, quota used up for good
    ├── RateLimitError         rate_limit       too many requests for now (retryable)
    ├── OverloadedError        overloaded       the provider has no capacity for now (retryable)
    ├── CallTimeoutError       timeout          the deadline passed, or the provider's did (retryable)
    ├── UnreachableError       connection       the provider could not be reached, or hung up (retryable)
    ├── InvalidRequestError    invalid_request  an argument the server or the provider refuses
    ├── ModelNotFoundError     model_not_found  no such model, or not for this account
    ├── ContextLengthError     context_length   the prompt does not fit the model
    ├── RefusalError           refusal          the model declined to answer
    ├── ContentFilterError     content_filter   the provider blocked the prompt or the answer
    ├── EmptyOutputError       empty_output     an answer without any text
    ├── ProviderError          provider_error   the provider failed, or answered nonsense
    └── InternalError          internal         a fault of this server

The names of the types are closed: `ERROR_TYPES` lists them, and nothing else leaves a server.
"""

from __future__ import annotations

from mcp_models.servers.core.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


class CompletionError(Exception):
    """A completion failed. The message is written for the person who asked for it.

    Args:
        message: What happened, in one sentence without the provider's name.
        status: The provider's HTTP status, if there was one.
        retryable: Whether the same call may succeed later. None means that the class decides.
        retry_after: How many seconds the provider asked to wait.
        request_id: The provider's identifier for the failed request.
        param: The argument that the provider refused, if it names one.
        retry_until_deadline: Whether to retry until the call's deadline, for example while a model is loading.
        already_retried: Whether the call was already retried as often as makes sense.
    """

    type: ClassVar[str]
    advice: ClassVar[str] = ""
    may_be_retried: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        param: str | None = None,
        retry_until_deadline: bool = False,
        already_retried: bool = False,
    ) -> None:
        super().__init__(redact(message))
        self.status = status
        self.retryable = self.may_be_retried if retryable is None else retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.param = param
        self.retry_until_deadline = retry_until_deadline
        self.already_retried = already_retried

    def add(self, sentence: str) -> None:
        """Add a sentence to the message, for details that were found out later."""
        self.args = (f"{self.message} {redact(sentence)}",)

    @property
    def message(self) -> str:
        """The message, with secrets removed."""
        return str(self.args[0])


class ConfigurationError(CompletionError):
    type = "configuration"


class MissingKeyError(ConfigurationError):
    """A key is not set."""


class AuthenticationError(CompletionError):
    type = "authentication"
    advice = "Check the key in the server's environment."


class PermissionDeniedError(CompletionError):
    type = "permission"
    advice = "Ask for access to this model, or choose another one."


class BillingError(CompletionError):
    type = "billing"
    advice = "Check the account's credit and plan with the provider."


class RateLimitError(CompletionError):
    type = "rate_limit"
    advice = "Wait and try again."
    may_be_retried = True


class OverloadedError(CompletionError):
    type = "overloaded"
    advice = "Try again later, or choose another model."
    may_be_retried = True


class CallTimeoutError(CompletionError):
    type = "timeout"
    advice = "Ask for less, or raise `timeout` (seconds) or MCP_MODELS_TIMEOUT."
    may_be_retried = True


class UnreachableError(CompletionError):
    type = "connection"
    may_be_retried = True


class InvalidRequestError(CompletionError):
    type = "invalid_request"


class ModelNotFoundError(CompletionError):
    type = "model_not_found"
    advice = "Check the model's name."


class ContextLengthError(CompletionError):
    type = "context_length"
    advice = "Shorten the prompt, or choose a model with a larger context."


class RefusalError(CompletionError):
    type = "refusal"
    advice = "Rephrase the request."


class ContentFilterError(CompletionError):
    type = "content_filter"
    advice = "Rephrase the request."


class EmptyOutputError(CompletionError):
    type = "empty_output"


class ProviderError(CompletionError):
    type = "provider_error"


class InternalError(CompletionError):
    type = "internal"
    advice = "Please report this; the server's stderr has the details."


ERROR_TYPES: dict[str, type[CompletionError]] = {cls.type: cls for cls in CompletionError.__subclasses__()}

_BY_STATUS: dict[int, type[CompletionError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: CallTimeoutError,
    413: ContextLengthError,
    422: InvalidRequestError,
    429: RateLimitError,
    498: OverloadedError,  # Groq sends this when it has no capacity
    503: OverloadedError,
    504: CallTimeoutError,
    529: OverloadedError,
}

_RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 498})


def from_status(status: int, message: str, **details: Any) -> CompletionError:
    """Return the error for an HTTP status. Use it where the provider's body says nothing more specific.

    Args:
        status: The HTTP status, 400 or above.
        message: What the provider said.
        details: Further arguments of `CompletionError`.
    """
    cls = _BY_STATUS.get(status, InvalidRequestError if status < 500 and status != 409 else ProviderError)
    details.setdefault("retryable", status in _RETRYABLE_STATUSES or status >= 500)
    return cls(message, status=status, **details)
