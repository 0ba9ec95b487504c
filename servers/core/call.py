"""Owns one call from its arguments to its result: the model, the deadline, retries, refused parameters, timing.

The data flow one way: arguments -> CompletionRequest -> adapter -> Completion or CompletionError -> result.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_models.servers.core import TEMPERATURE_DEFAULT, catalogue, environment, errors, pricing
from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.completion import OPTIONAL_PARAMETERS, Completion, CompletionRequest
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.result import completion_result, error_result, models_result
from mcp_models.servers.core.retry import with_retries

if TYPE_CHECKING:
    from mcp_models.servers.core.provider import OnText

# How providers say that a model does not take a parameter at all, that two exclude each other, and that a value is wrong.
_NOT_TAKEN = r"(?i)unsupported|not support|deprecated|not permitted|only the default|unrecognized|unknown name"
_IN_CONFLICT = r"(?i)cannot both|must be 1 when|may only be set to 1 when"
_WRONG_VALUE = r"(?i)supported (values|levels)|invalid schema|effort level '|level \S*(minimal|low|medium|high)\b"


class Received:
    """The text of an answer as far as it has come, passed on piece by piece.

    Args:
        on_text: Takes each piece.
    """

    def __init__(self, on_text: OnText) -> None:
        self.texts: list[str] = []
        self._on_text = on_text

    def __call__(self, text: str) -> None:
        """Takes a piece."""
        self.texts.append(text)
        self._on_text(text)


class Caller:
    """Carries out the calls of one provider, and remembers which model refuses which parameter.

    Args:
        provider: The adapter.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._refused: dict[str, set[str]] = {}

    async def call_tool(self, name: str, arguments: dict[str, Any], on_text: OnText) -> dict[str, Any]:
        """A tool call's whole way, from its arguments to MCP's result. Raises nothing but cancellation.

        Args:
            name: `list_models`; any other name is a completion.
            arguments: The tool's arguments as they came.
            on_text: Takes each new piece of a completion's text.
        """
        received = Received(on_text)
        model = None
        try:
            if name == "list_models":
                return models_result(await self.list_models(arguments))
            request = parse_arguments(arguments)
            model, warnings = self.provider.resolve(request.model)
            request = msgspec.structs.replace(request, model=model)
            return completion_result(await self.complete(request, warnings, received))
        except errors.CompletionError as error:
            failure = error
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            failure = errors.InternalError(f"the server failed with {type(error).__name__}.")
        return error_result(failure, self.provider.name, self.provider.title, model, "".join(received.texts))

    async def list_models(self, arguments: dict[str, Any]) -> list[ModelInfo]:
        """The provider's models.

        Raises:
            CompletionError: The provider could not be asked, or there was an argument.
        """
        if arguments:
            raise errors.InvalidRequestError(f"{next(iter(arguments))}: unknown argument; `list_models` takes none")
        return await catalogue.list_models(self.provider)

    async def complete(self, request: CompletionRequest, warnings: list[str], received: Received) -> Completion:
        """The completion for a request, within its deadline.

        Args:
            request: What to ask, of a model that is settled.
            warnings: What there is to say about that model.
            received: Takes the text.

        Raises:
            CompletionError: The call failed for good.
        """
        started = time.monotonic()
        timeout = request.timeout or environment.default_timeout(self.provider.env)
        model = request.model or ""
        dropped: set[str] = set()
        if self.provider.has_list_prices():
            pricing.begin_loading()
        try:
            async with asyncio.timeout(timeout):
                completion = await self._complete_adapting(request, received, started + timeout, dropped)
        except TimeoutError:
            raise errors.CallTimeoutError(f"no complete answer within {timeout:g} s.", retryable=True) from None
        except errors.ModelNotFoundError as error:
            if names := await catalogue.close_names(self.provider, model):
                error.add(f"Close names: {', '.join(names)}.")
            raise
        _check_answer(completion)
        completion.provider = self.provider.name
        completion.latency_ms = round((time.monotonic() - started) * 1000)
        completion.dropped_params = sorted({*completion.dropped_params, *dropped})
        completion.warnings = [*warnings, *_another_model(completion.model, model), *completion.warnings]
        if self.provider.has_list_prices() and completion.auth_mode == "api_key":  # a subscription has no price per token
            await pricing.ready()
            completion.cost_usd = pricing.cost_usd(self.provider, completion.model, completion.usage)
        if request.response_schema is not None and "response_schema" not in dropped:
            _parse_structured(completion)
        return completion

    async def _complete_adapting(
        self, request: CompletionRequest, received: Received, deadline: float, dropped: set[str]
    ) -> Completion:
        """Asks without each parameter that the provider lacks or the model refuses; fills `dropped` with what was asked for."""
        model = request.model or ""
        refused = self._refused.get(model)
        if refused is None:
            lacking = set(OPTIONAL_PARAMETERS) - self.provider.parameters | self.provider.ignores(model)
            refused = self._refused[model] = lacking
        asked = request
        if _is_free(request) and self.provider.takes_temperature(model):
            request = msgspec.structs.replace(request, temperature=TEMPERATURE_DEFAULT)
        retries = environment.max_retries(self.provider.env)
        left_out: set[str] = set()

        async def attempt() -> Completion:
            if not (without := refused | left_out):
                return await self.provider.complete(request, received)
            dropped.update(name for name in without if getattr(asked, name) is not None)
            return await self.provider.complete(msgspec.structs.replace(request, **dict.fromkeys(without)), received)

        while True:
            try:
                return await with_retries(attempt, retries, deadline, may_retry=lambda: not received.texts)
            except errors.InvalidRequestError as error:
                without = refused | left_out
                sent = [name for name in OPTIONAL_PARAMETERS if getattr(request, name) is not None and name not in without]
                culprit = refused_parameter(error, sent, self.provider.native_names)
                if culprit is None or received.texts:
                    raise
                (left_out if re.search(_IN_CONFLICT, error.message) else refused).add(culprit)


def refused_parameter(error: errors.InvalidRequestError, sent: list[str], native_names: dict[str, str]) -> str | None:
    """Which of the optional parameters that were sent the provider refuses as such, if any.

    A refusal of a value is the caller's to know: the next call may have a better one.

    Args:
        error: The provider's refusal; `param` counts before the words of the message.
        sent: Our names of the optional parameters in the request.
        native_names: The provider's own names for them, to ours.
    """
    said = error.message
    if re.search(_WRONG_VALUE, said) or not (re.search(_NOT_TAKEN, said) or re.search(_IN_CONFLICT, said)):
        return None
    if error.param:
        root = error.param.split(".")[0]
        name = native_names.get(error.param) or native_names.get(root) or root
        return name if name in sent else None
    spellings = [*native_names.items(), *((name, name) for name in sent)]
    for native, name in spellings:
        if name in sent and re.search(rf"\b{re.escape(native)}\b", said):
            return name
    return None


def _is_free(request: CompletionRequest) -> bool:
    """Whether the sampling is left to us: the caller neither set it nor asked for thinking, which a low temperature harms."""
    return request.temperature is None and request.top_p is None and request.reasoning_effort in (None, "none")


def _another_model(answered: str, asked: str) -> list[str]:
    """A warning, if another model answered than the one asked; a dated or tagged form of its name is the same model."""
    asked = asked.removeprefix("models/")
    if answered == asked:
        return []
    same = re.fullmatch(re.escape(asked) + r"([-@]\d[\d-]*|:.+)?", answered) or asked.endswith("latest")
    return [] if same else [f"{answered} answered, not {asked}"]


def _check_answer(completion: Completion) -> None:
    """Tells an answer from what only looks like one; raises a `CompletionError` for the rest."""
    request_id = completion.request_id
    if completion.stop_reason == "refusal":
        raise errors.RefusalError("the model declined to answer.", request_id=request_id)
    if completion.stop_reason == "content_filter":
        raise errors.ContentFilterError("the provider's content filter stopped the answer.", request_id=request_id)
    if completion.text.strip():
        return
    if completion.stop_reason == "max_tokens":
        thought = completion.reasoning or completion.usage.reasoning_tokens
        why = "the whole budget went into thinking" if thought else "the limit came before any text"
        raise errors.EmptyOutputError(f"no answer: {why}. Raise `max_tokens`.", request_id=request_id)
    reason = completion.native_stop_reason or completion.stop_reason
    raise errors.EmptyOutputError(
        f"the model returned no text (stop reason: {reason}). Try again or rephrase.", request_id=request_id
    )


def _parse_structured(completion: Completion) -> None:
    try:
        completion.structured = json.loads(completion.text)
    except (ValueError, RecursionError):
        completion.warnings.append("the answer is not the JSON that `response_schema` asked for")
