"""Gather a provider's stream into an answer, and say when it is whole."""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from mcp_models.servers.core.completion import Completion, StopReason, Usage


class StreamAccumulator:
    """A streamed answer: an adapter's subclass reads the events.

    Attributes:
        model: As the provider names it.
        native_stop_reason: The provider's own word for the end; while it is empty, the end has not come.
        request_id: The provider's identifier.
        usage: What was used, if the provider has told.
        texts: The pieces of the text.
        thoughts: The pieces of the thinking, where the provider shows it.
    """

    stop_reasons: ClassVar[Mapping[str, StopReason]]
    """The provider's words for the end; any other is `other`."""

    def __init__(self, request_id: str | None = None) -> None:
        self.model = ""
        self.native_stop_reason = ""
        self.request_id = request_id
        self.usage: Usage | None = None
        self.texts: list[str] = []
        self.thoughts: list[str] = []

    def completion(self, auth_mode: str) -> Completion:
        """Return the whole answer.

        Raises:
            UnreachableError: The stream ended without a reason, so in the answer's middle.
        """
        if not self.native_stop_reason:
            raise errors.UnreachableError("the answer broke off in its middle.", request_id=self.request_id)
        return core.completion.Completion(
            text="".join(self.texts),
            model=self.model,
            stop_reason=self.stop_reasons.get(self.native_stop_reason, "other"),
            native_stop_reason=self.native_stop_reason,
            usage=self.usage or core.completion.Usage(),
            request_id=self.request_id,
            auth_mode=auth_mode,
            reasoning="".join(self.thoughts) or None,
        )
