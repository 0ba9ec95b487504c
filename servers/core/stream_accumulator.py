"""Collect a provider's stream into an answer, and check that it is complete."""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from mcp_models.servers.core.completion import Completion, StopReason, Usage


class StreamAccumulator:
    """Collect a streamed answer. Each adapter has a subclass that reads its provider's events.

    Attributes:
        model: The model's name, as the provider gave it.
        native_stop_reason: The provider's own word for why the answer ended. Empty until the end has arrived.
        request_id: The provider's identifier for the request.
        usage: The tokens used, if the provider has said so.
        service_tier: The service tier that answers, in our words, if the provider has said so.
        texts: The pieces of the text.
        thoughts: The pieces of the thinking, if the provider shows it.
    """

    stop_reasons: ClassVar[Mapping[str, StopReason]]
    """The provider's words for why an answer ended, each with ours. Any other word becomes `other`."""

    def __init__(self, request_id: str | None = None) -> None:
        self.model = ""
        self.native_stop_reason = ""
        self.request_id = request_id
        self.usage: Usage | None = None
        self.service_tier: str | None = None
        self.texts: list[str] = []
        self.thoughts: list[str] = []

    def completion(self, auth_mode: str) -> Completion:
        """Return the complete answer.

        Raises:
            UnreachableError: The stream broke off: it ended without a stop reason.
        """
        if not self.native_stop_reason:
            raise errors.UnreachableError("the answer broke off in its middle.", request_id=self.request_id)
        return core.completion.Completion(
            text="".join(self.texts),
            model=self.model,
            stop_reason=self.stop_reasons.get(self.native_stop_reason, "other"),
            native_stop_reason=self.native_stop_reason,
            usage=self.usage or core.completion.Usage(),
            service_tier=self.service_tier,
            request_id=self.request_id,
            auth_mode=auth_mode,
            reasoning="".join(self.thoughts) or None,
        )
