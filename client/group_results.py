"""Define the types of the results of a `Fallback` and of a `Panel`: those of any call, and what is known of each model."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict, final

from mcp_models.client.completion_result import ErrorType, Failure, Success, UsageResult
from mcp_models.servers.core.completion import StopReason

Outcome = Literal["answered", "failed", "cancelled", "left_out"]
"""What became of a model: `cancelled` if another one was faster, `left_out` if it had failed too often to be asked."""


@final
class Attempt(TypedDict):
    """What became of one model. `began_ms` and `latency_ms` are milliseconds from the call's begin and from its own."""

    provider: str
    model: str
    outcome: Outcome
    error_type: ErrorType | None
    error: str | None
    began_ms: int
    latency_ms: int
    cost_usd: float | None


@final
class FallbackSuccess(Success):
    """An answer, and who was asked for it. `cost_usd` and `tokens_used` are sums of what is known, over all attempts."""

    route: list[Attempt]


@final
class FallbackFailure(Failure):
    """A failure with all reasons. `error_type`, `model` and `provider` are those of the last attempt that failed."""

    cost_usd: float | None
    route: list[Attempt]


FallbackResult: TypeAlias = FallbackSuccess | FallbackFailure


@final
class PanelAnswer(TypedDict):
    """What one model of a panel said. `agrees` tells whether it says the same as the panel's `output`."""

    provider: str
    model: str
    outcome: Outcome
    output: str | None
    structured: Any
    agrees: bool
    stop_reason: StopReason | None
    usage: UsageResult | None
    tokens_used: int
    cost_usd: float | None
    latency_ms: int
    error_type: ErrorType | None
    error: str | None


@final
class PanelSuccess(Success):
    """The answer that most models gave, and all answers. `cost_usd` and `tokens_used` are sums of what is known."""

    agree: bool
    answers: list[PanelAnswer]
    judge: list[Attempt]


@final
class PanelFailure(Failure):
    """No model answered. `error` has all reasons."""

    cost_usd: float | None
    agree: bool
    answers: list[PanelAnswer]
    judge: list[Attempt]


PanelResult: TypeAlias = PanelSuccess | PanelFailure
