"""Define `Fallback`."""

from __future__ import annotations

from mcp_models.client.circuit_breaker import CircuitBreaker
from mcp_models.client.model_group import ModelGroup, check_seconds
from mcp_models.servers.core.errors import ERROR_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_models.client.attempt import GroupRequest
    from mcp_models.client.completion_result import ErrorType
    from mcp_models.client.group_results import FallbackResult
    from mcp_models.client.model import Model

FALL_BACK_ON: frozenset[ErrorType] = frozenset(["rate_limit", "overloaded", "timeout", "connection", "provider_error"])
"""The failures after which the next model is asked. Others would come from the next one too, or need you to act."""


class Fallback(ModelGroup["FallbackResult"]):
    """A model that asks the next one when the first cannot answer, within one deadline.

    Each model gets its share of the time that is left: of three models, the first gets a third of it, the second half of the
    rest, and the last all the rest. Once you have got text of a stream, its model goes on to the deadline, and no other one
    takes over: if it fails then, the failure has the text as `partial`.

    Args:
        primary: The model to ask first.
        others: The models to ask next, in this order.
        timeout: Seconds for the whole call, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600.
        hedge_after: Ask the next model too when there is no answer (in a stream: no text) after this many seconds, and so on.
            The first answer counts, and the others are cancelled at their providers. The models then overlap, so each may
            take all the time that is left. None means to ask one at a time.
        fall_back_on: The error types after which the next model is asked. Any other ends the call.
        leave_out_after: A model with this many such failures in a row is left out for `leave_out_seconds`. After that, one
            call tries it again. None means never.
        leave_out_seconds: How long it is left out.

    Raises:
        TypeError: These are not models.
        ValueError: An argument makes no sense.
    """

    def __init__(
        self,
        primary: Model,
        *others: Model,
        timeout: float | None = None,
        hedge_after: float | None = None,
        fall_back_on: Iterable[ErrorType] = FALL_BACK_ON,
        leave_out_after: int | None = 5,
        leave_out_seconds: float = 30.0,
    ) -> None:
        super().__init__("fallback", (primary, *others), timeout)
        self.fall_back_on = frozenset(fall_back_on)
        if unknown := self.fall_back_on - ERROR_TYPES.keys():
            raise ValueError(f"fall_back_on: no error type {min(unknown)!r}; there are {', '.join(ERROR_TYPES)}")
        if hedge_after is not None:
            check_seconds("hedge_after", hedge_after)
        if leave_out_after is not None and leave_out_after < 1:
            raise ValueError(f"leave_out_after: expected a number ≥ 1, got {leave_out_after!r}")
        check_seconds("leave_out_seconds", leave_out_seconds)
        self.hedge_after = hedge_after
        most = float("inf") if leave_out_after is None else leave_out_after
        self.breakers = [CircuitBreaker(most, leave_out_seconds) for _ in self.models]

    async def _answer(self, request: GroupRequest) -> FallbackResult:
        from mcp_models.client.fallback_call import FallbackCall

        return await FallbackCall(self, request).result()
