"""Record the calls of a provider in the ledger, and ask the budget before each. The rest of the core knows this file only."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Self

from mcp_models.servers.core import errors, pricing
from mcp_models.servers.core.ledger.row import NANO, Row, kept, new_id
from mcp_models.servers.core.settings import BUDGET_VARIABLE, LEDGER_VARIABLE, default_timeout

if TYPE_CHECKING:
    from types import TracebackType

    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.ledger.budget import Budget
    from mcp_models.servers.core.ledger.writer import Writer
    from mcp_models.servers.core.provider import Provider
    from mcp_models.servers.core.telemetry.observation import CallObservation

RESERVE_SECONDS = 30.0
"""How long a call may wait for its reservation."""

CANCELLED = "cancelled"
"""The ledger's `error_type` of a call that was cancelled. All others are types of errors."""

# Failures after which a provider may still charge for the call, as it did not say that it failed.
_MAY_BE_CHARGED = frozenset({CANCELLED, "timeout", "provider_error", "internal", "refusal", "content_filter", "empty_output"})

logger = logging.getLogger("mcp_models")


class Recorder:
    """Record the calls of a provider.

    Args:
        provider: The provider, whose environment says where the ledger is and what the budget allows.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._writer: Writer | None = None
        self._is_set_up = False
        self._misconfigured = ""
        self._budget_text = provider.env.get(BUDGET_VARIABLE, "").strip()

    def call(
        self,
        request: CompletionRequest,
        host: str | None,
        texts: list[str],
        own_budget: Budget | None = None,
        observation: CallObservation | None = None,
    ) -> RecordedCall:
        """Return a context manager for a call: it asks the budget first, and records the call when it has ended.

        Args:
            request: The request. Its `model` must be set.
            host: The program that asks, as it names itself.
            texts: The pieces of text that have arrived, which the caller adds to.
            own_budget: A further budget that the call must fit, as well as MCP_MODELS_BUDGET.
            observation: Is told of the request and the completion, whether there is a ledger or not.
        """
        if observation is not None:
            observation.asked(request)
        return RecordedCall(self, request, host, texts, own_budget, observation)

    def writer(self) -> Writer | None:
        """Return the ledger's writer, or None if there is no ledger. Import what it needs on first use."""
        if not self._is_set_up:
            from mcp_models.servers.core.ledger.target import ledger_target
            from mcp_models.servers.core.ledger.writer import writer_to

            self._is_set_up = True
            try:
                target = ledger_target(self.provider.env)
                self._writer = writer_to(target) if target else None
            except errors.ConfigurationError as error:
                self._misconfigured = error.message
                logger.warning(f"{error.message} There is no ledger until then.")
        return self._writer

    def budget(self, own: Budget | None = None) -> Budget | None:
        """Return the budget, or None if there is none.

        Args:
            own: A budget that counts as well as MCP_MODELS_BUDGET.

        Raises:
            ConfigurationError: The budget makes no sense, or there is no ledger to keep it with.
        """
        if not self._budget_text and own is None:
            return None
        from mcp_models.servers.core.ledger.budget import joined, parse_budget

        budget = joined(parse_budget(self._budget_text), own)
        if budget is not None and self.writer() is None:
            why = self._misconfigured or f"{LEDGER_VARIABLE} is off."
            raise errors.ConfigurationError(f"{BUDGET_VARIABLE if self._budget_text else 'a budget'} needs the ledger: {why}")
        return budget

    async def aclose(self) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            await asyncio.wrap_future(self._writer.flush())


class RecordedCall:
    """One call, as an asynchronous context manager.

    Attributes:
        completion: Set this to the completion as soon as its tokens and its cost are known, even if it is of no use.
    """

    __slots__ = (
        *("_began", "_host", "_id", "_observation", "_own_budget", "_recorder", "_request", "_reserved", "_started", "_texts"),
        "completion",
    )

    def __init__(
        self,
        recorder: Recorder,
        request: CompletionRequest,
        host: str | None,
        texts: list[str],
        own_budget: Budget | None,
        observation: CallObservation | None,
    ) -> None:
        self.completion: Completion | None = None
        self._recorder, self._request, self._host, self._texts = recorder, request, host, texts
        self._own_budget, self._observation = own_budget, observation
        self._started, self._began = time.time(), time.monotonic()
        self._id = ""
        self._reserved: int | None = None

    async def __aenter__(self) -> Self:
        try:
            if budget := self._recorder.budget(self._own_budget):
                await self._reserve(budget)
        except errors.CompletionError as error:
            self._record(error.type, refused=True)
            raise
        except asyncio.CancelledError:
            self._record(CANCELLED, refused=True)
            raise
        if self._observation is not None:
            self._observation.sent()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._observation is not None and self.completion is not None:
            self._observation.answered(self.completion)
        if kind is None:
            self._record(None)
        elif isinstance(error, errors.CompletionError):
            self._record(error.type, error)
        else:
            self._record(CANCELLED if issubclass(kind, asyncio.CancelledError) else "internal")

    async def _reserve(self, budget: Budget) -> None:
        """Reserve what the call may cost.

        Raises:
            CompletionError: The budget does not allow the call, or cannot be asked.
        """
        from mcp_models.servers.core.ledger.budget import BudgetError
        from mcp_models.servers.core.ledger.store import Reservation, StoreError

        provider = self._recorder.provider
        cost = await self._highest_cost(budget)
        seconds = self._request.timeout or default_timeout(provider.env)
        self._id = new_id(self._started)
        reservation = Reservation(self._id, budget.caps, seconds, provider.name, kept(self._host), cost)
        writer = self._recorder.writer()
        assert writer is not None  # `budget` has seen to it
        self._reserved = cost
        try:
            async with asyncio.timeout(min(RESERVE_SECONDS, seconds)):
                answer = await asyncio.wrap_future(writer.reserve(reservation))
        except TimeoutError:
            raise BudgetError("the budget cannot be checked, as the ledger does not answer.", retryable=True) from None
        except StoreError as error:
            raise BudgetError(
                f"the budget cannot be checked, as the ledger cannot be used: {error}.", retryable=True
            ) from error
        if isinstance(answer, BudgetError):
            self._reserved = None
            raise answer
        self._started = answer

    async def _highest_cost(self, budget: Budget) -> int:
        """Return what the call may cost at most, in billionths of a dollar.

        Raises:
            CompletionError: That is not known, and the budget does not allow a call of unknown cost.
        """
        provider = self._recorder.provider
        if not budget.limits_money or not provider.may_charge():
            return 0
        if provider.has_list_prices():
            from mcp_models.servers.core.price_bound import highest_cost_usd

            pricing.begin_loading()
            await pricing.ready()
            cost = highest_cost_usd(provider, self._request, self._request.model or "")
            if cost is not None:
                return math.ceil(cost * NANO)
        if budget.allows_unpriced:
            return 0
        from mcp_models.servers.core.ledger.budget import BudgetError

        request = self._request
        extra = " with a search of the web" if request.web_search else " with a document" if request.documents else ""
        raise BudgetError(
            f"the price of {request.model}{extra} is not known, so the budget cannot cap it: ask a model with a known "
            "price, or add `unpriced=allow` to the budget."
        )

    def _record(self, error_type: str | None, error: errors.CompletionError | None = None, refused: bool = False) -> None:
        writer = self._recorder.writer()
        if writer is None:
            return
        row = Row(
            self._id or new_id(self._started),
            self._started,
            self._recorder.provider.name,
            kept(self._request.model) or "",
            kept(self._host),
            round((time.monotonic() - self._began) * 1000),
            error_type,
            refused,
            self._reserved is not None,
        )
        if self.completion is not None:
            add_completion(row, self.completion)
        elif error is not None:
            row.request_id = kept(error.request_id)
        if self._reserved and row.cost is None and not refused and self._may_be_charged(error_type, error):
            row.held = self._reserved
        writer.add(row)

    def _may_be_charged(self, error_type: str | None, error: errors.CompletionError | None) -> bool:
        """Return whether the provider may charge for a call whose cost is not known."""
        if self.completion is not None:
            return self.completion.auth_mode == "api_key"
        if error is not None and error.status is not None:
            return False  # the provider itself said that the call failed
        return bool(self._texts) or error_type in _MAY_BE_CHARGED


def add_completion(row: Row, completion: Completion) -> None:
    """Write into a row what is known about the completion."""
    usage = completion.usage
    row.model = kept(completion.model)
    row.input_tokens, row.output_tokens = usage.input_tokens, usage.output_tokens
    row.cache_read_tokens, row.cache_write_tokens = usage.cache_read_tokens, usage.cache_write_tokens
    row.reasoning_tokens = usage.reasoning_tokens
    row.service_tier = kept(completion.service_tier)
    row.cost = None if completion.cost_usd is None else round(completion.cost_usd * NANO)
    row.cache_savings = None if completion.cache_savings_usd is None else round(completion.cache_savings_usd * NANO)
    row.stop_reason, row.request_id = completion.stop_reason, kept(completion.request_id)
