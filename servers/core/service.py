"""Carry out one call, from its arguments to its result, with deadline, retries and a check of the answer.

Data flows one way: arguments -> CompletionRequest -> adapter -> Completion or CompletionError -> result.
"""

from __future__ import annotations

import asyncio
import errno
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_models.servers.core import catalogue, errors, pricing, settings
from mcp_models.servers.core.adaptation import Adaptation, Learnt, learnt_of
from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.completion import MISFIT, Completion, CompletionRequest, Usage
from mcp_models.servers.core.ledger.recorder import RecordedCall, Recorder
from mcp_models.servers.core.log import log_call, log_failure, log_try
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.result import completion_result, error_result, models_result
from mcp_models.servers.core.retry import with_retries
from mcp_models.servers.core.tools import LIST_MODELS, extras

if TYPE_CHECKING:
    from mcp_models.servers.core.files.attach import Attached
    from mcp_models.servers.core.ledger.budget import Budget
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.structured import Check
    from mcp_models.servers.core.telemetry.observation import CallObservation


LONGEST_TEXT = 64 * 1024 * 1024
"""The most characters of an answer's text. No model writes nearly as many."""

LONGEST_PARTIAL = 8 * 1024 * 1024
"""The most characters of text that an error passes on."""

MOST_TOKENS = 10**12
"""A number of tokens that no call can use."""

MOST_LEARNT = 1000
"""How many models to remember something of. Callers can make up names."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.ENOBUFS)


class Received:
    """Collect the text of an answer while passing on each piece.

    Args:
        on_text: Called with each piece.
    """

    def __init__(self, on_text: OnText) -> None:
        self.texts: list[str] = []
        self._on_text = on_text
        self._length = 0

    def __call__(self, text: str) -> None:
        """Collect a piece and pass it on.

        Raises:
            ProviderError: The text is longer than any answer.
        """
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise errors.ProviderError(f"the answer has no end: it is longer than {LONGEST_TEXT:,} characters.")
        self.texts.append(text)
        self._on_text(text)

    def partial(self) -> str:
        """Return the text that has come, for an error. Return nothing if it is far too long: a copy would fill the memory."""
        return "".join(self.texts) if self._length <= LONGEST_PARTIAL else ""


class CompletionService:
    """Carry out the calls of one provider, and remember which model refuses which parameter.

    Args:
        provider: The provider's adapter.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._learnt: dict[str, Learnt] = {}
        self._recorder = Recorder(provider)

    async def aclose(self) -> None:
        """Write to the ledger what is not there yet, and close the provider."""
        await asyncio.gather(self._recorder.aclose(), self.provider.aclose())

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        on_text: OnText,
        client_name: str | None = None,
        own_budget: Budget | None = None,
        observation: CallObservation | None = None,
    ) -> dict[str, Any]:
        """Carry out a tool call and return MCP's result. A failure is a result too: nothing is raised except a cancellation.

        Args:
            name: `list_models`. Any other name means a completion.
            arguments: The tool's arguments as they arrived.
            on_text: Called with each new piece of a completion's text.
            client_name: How the program that asks names itself. It is for the ledger.
            own_budget: A further budget that the call must fit, as well as MCP_MODELS_BUDGET.
            observation: Is told what becomes of the call.
        """
        received = Received(observation.timing(on_text) if observation else on_text)
        model = None
        try:
            if name == LIST_MODELS:
                log_call(self.provider.name, name)
                return models_result(await self.list_models(arguments))
            request = parse_arguments(arguments, tuple(self.provider.service_tiers), extras(self.provider))
            request, attached = await _with_files(request, self.provider)
            model, warnings = self.provider.resolve(request.model)
            request = msgspec.structs.replace(request, model=model, is_default_model=request.model is None)
            log_call(self.provider.name, name, request)
            async with self._recorder.call(request, client_name, received.texts, own_budget, observation) as call:
                completion = await self.complete(request, warnings, received, call)
                if attached is not None:
                    attached.report(completion)
                return completion_result(completion)
        except errors.CompletionError as error:
            failure = error.with_traceback(None)  # its frames would hold what was read, and this frame the error, in a cycle
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            failure = _unexpected(error)
        log_failure(self.provider.name, f"call of {name} failed", failure)
        return error_result(failure, self.provider.name, self.provider.title, model, received.partial())

    async def list_models(self, arguments: dict[str, Any]) -> list[ModelInfo]:
        """Return the provider's models.

        Raises:
            CompletionError: The provider could not be asked, or arguments were given.
        """
        if arguments:
            raise errors.InvalidRequestError(f"{next(iter(arguments))}: unknown argument; `list_models` takes none")
        return await catalogue.list_models(self.provider)

    async def complete(
        self, request: CompletionRequest, warnings: list[str], received: Received, call: RecordedCall
    ) -> Completion:
        """Return the completion for a request, within its deadline.

        Args:
            request: The request. Its `model` must be set.
            warnings: Warnings about the choice of the model. The completion's own are added to them.
            received: Collects the text.
            call: The call's record in the ledger.

        Raises:
            CompletionError: The call failed for good.
        """
        started = time.monotonic()
        timeout = request.timeout or settings.default_timeout(self.provider.env)
        model = request.model or ""
        if model not in self._learnt:
            if len(self._learnt) >= MOST_LEARNT:
                del self._learnt[next(iter(self._learnt))]
            self._learnt[model] = learnt_of(self.provider, model)
        adaptation = Adaptation(request, self.provider, self._learnt[model])
        if self.provider.has_list_prices():
            pricing.begin_loading()
        try:
            async with asyncio.timeout(timeout):
                check = await _schema_check(request)
                completion = await self._complete_adapting(adaptation, received, started + timeout)
        except TimeoutError:
            raise errors.CallTimeoutError(f"no complete answer within {timeout:g} s.", retryable=True) from None
        except errors.ModelNotFoundError as error:
            if names := await catalogue.close_names(self.provider, model):
                error.add(f"Close names: {', '.join(names)}.")
            raise
        completion.provider = self.provider.name
        completion.latency_ms = round((time.monotonic() - started) * 1000)
        check_usage(completion)
        await pricing.book(self.provider, completion, request.service_tier)
        call.completion = completion
        check_answer(completion)
        _report_dropped(completion, adaptation, request)
        if not self.provider.is_same_model(completion.model, model):
            _report_model(completion, model)
        completion.warnings = [*warnings, *adaptation.warnings, *completion.warnings]
        if check is not None and "response_schema" not in completion.dropped_params:
            read_structured(completion, check)
        note_cut(completion)
        return completion

    async def _complete_adapting(self, adaptation: Adaptation, received: Received, deadline: float) -> Completion:
        """Ask the provider. If it refuses a parameter, ask again without it, as long as no text has arrived."""
        retries = settings.max_retries(self.provider.env)

        async def attempt() -> Completion:
            request = adaptation.request()
            return await log_try(self.provider.name, request.model, self.provider.complete(request, received))

        while True:
            try:
                return await with_retries(attempt, retries, deadline, may_retry=lambda: not received.texts)
            except errors.CompletionError as error:
                if received.texts or not adaptation.learn(error):
                    raise


async def _with_files(request: CompletionRequest, provider: Provider) -> tuple[CompletionRequest, Attached | None]:
    """Return the request with the files that it names, and what is to be told of them."""
    if not request.files:
        return request, None
    from mcp_models.servers.core.files.attach import attach

    attached = await attach(request, provider.env)
    return attached.request, attached


def _unexpected(error: Exception) -> errors.CompletionError:
    """Return the error for an exception that no adapter has mapped."""
    if isinstance(error, OSError) and error.errno in _EXHAUSTED:
        return errors.ConfigurationError(
            f"this machine has run out of something ({error.strerror}): close programs, or raise its limit."
        )
    return errors.InternalError(f"the server failed with {type(error).__name__}.")


async def _schema_check(request: CompletionRequest) -> Check | None:
    """Return the check for a structured answer, if one was asked for. Its import takes 13 ms, so it runs in a thread."""
    if request.response_schema is None:
        return None
    schema = request.response_schema

    def made() -> Check:
        from mcp_models.servers.core.structured import Check

        return Check(schema)

    return await asyncio.to_thread(made)


def _report_dropped(completion: Completion, adaptation: Adaptation, asked: CompletionRequest) -> None:
    """Report which of the caller's parameters had no effect. An adapter may also name some that the caller never set."""
    dropped = {*completion.dropped_params, *adaptation.dropped}
    if dropped:
        completion.dropped_params = sorted(name for name in dropped if getattr(asked, name) is not None)
    if completion.dropped_params:
        names = ", ".join(f"`{name}`" for name in completion.dropped_params)
        completion.notes.append(f"{completion.model} does not take {names}: answered without.")


def _report_model(completion: Completion, asked: str) -> None:
    warning = f"{completion.model} answered, not {asked.removeprefix('models/')}"
    completion.warnings.insert(0, warning)
    completion.notes.append(f"{warning}.")


def check_usage(completion: Completion) -> None:
    """Count nothing, with a warning, if the provider's token counts cannot be right. The answer itself is good."""
    if not all(map(_is_count, msgspec.structs.astuple(completion.usage))):
        completion.usage = Usage()
        completion.warnings.append(f"{completion.provider} reported token counts that make no sense")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_TOKENS


def note_cut(completion: Completion) -> None:
    """Add a note for the model in the host if the answer is cut off."""
    if completion.stop_reason == "max_tokens":
        completion.notes.append("This answer is cut off at the limit of tokens: raise `max_tokens`, or ask to go on.")


def check_answer(completion: Completion) -> None:
    """Check that the completion has a usable text.

    Raises:
        CompletionError: It has none. The type says why.
    """
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


def read_structured(completion: Completion, check: Check) -> None:
    """Parse the answer and check it against the caller's schema. An answer that does not fit gets a warning, not an error."""
    try:
        answer = check.read(completion.text)
    except ValueError as error:
        problem: str | None = str(error)
    else:
        completion.structured, completion.text, problem = answer
    if problem:
        completion.warnings.append(f"{MISFIT}: {problem}")
        completion.notes.append(f"The answer does not fit `response_schema`: {problem}.")
