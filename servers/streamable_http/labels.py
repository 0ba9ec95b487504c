"""Choose the labels of a call's metrics, so that no caller can make more series than a Prometheus bears."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_models.servers.core.telemetry.observation import CallObservation

MAX_MODELS = 50
"""How many models get a label of their own. Only one that has answered gets one, as anybody can make up names."""

MAX_CALLERS = 100
"""How many callers get a label of their own."""

MAX_COMBINATIONS = 1000
"""How many combinations of provider, model and caller there may be. Further ones are told without the caller."""

OTHER = "(other)"
"""The label of a model or a caller that has none of its own. The parentheses keep it apart from names."""

ANYBODY = "(anybody)"
"""The label of callers who did not have to say who they are."""

Who = tuple[str, str, str]


class Labels:
    """Remember which models, callers and combinations have labels."""

    def __init__(self) -> None:
        self._models: set[tuple[str, str]] = set()
        self._callers: set[str] = set()
        self._combinations: set[Who] = set()

    def of(self, call: CallObservation) -> Who:
        """Return provider, model and caller of a call that has ended, and remember them if there is room.

        Args:
            call: The call. A model that failed has a label only if it has answered before.
        """
        model = (call.provider, call.model_asked or OTHER)
        if call.error_type is None and len(self._models) < MAX_MODELS:
            self._models.add(model)
        if call.caller and len(self._callers) < MAX_CALLERS:
            self._callers.add(call.caller)
        who = self._bounded(call)
        if who not in self._combinations:
            if len(self._combinations) >= MAX_COMBINATIONS:
                return (who[0], who[1], OTHER)
            self._combinations.add(who)
        return who

    def known(self, call: CallObservation) -> Who:
        """Return provider, model and caller of a call that runs, as far as they have labels. Remember nothing."""
        who = self._bounded(call)
        return who if who in self._combinations else (who[0], who[1], OTHER if call.caller else ANYBODY)

    def _bounded(self, call: CallObservation) -> Who:
        is_known = (call.provider, call.model_asked) in self._models
        caller = call.caller or ANYBODY
        return (
            call.provider,
            call.model_asked if is_known and call.model_asked else OTHER,
            caller if caller == ANYBODY or caller in self._callers else OTHER,
        )
