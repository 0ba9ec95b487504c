"""Define the options of a call and of an MCP model, for type checkers and for rejecting unknown ones."""

from __future__ import annotations

from typing import Any, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_models.servers.core.completion import ReasoningEffort, ServiceTier


class CallOptions(TypedDict, total=False):
    """What `call()`, `acall()`, `stream()` and `astream()` accept besides the prompt and the three usual arguments.

    These are arguments of the tool `complete`. `docs/providers.md` says which provider supports which.
    """

    messages: Sequence[Mapping[str, Any]] | None
    """A conversation, oldest turn first. Use it instead of a prompt, and pass `""` as the prompt."""

    model: str | None
    """The model for this call, if not the usual one."""

    top_p: float | None
    stop: Sequence[str] | None
    """The answer ends before the first of these strings."""

    seed: int | None
    reasoning_effort: ReasoningEffort | None
    response_schema: Mapping[str, Any] | None
    """A JSON Schema for the answer. You get the parsed answer as `result["structured"]`."""

    service_tier: ServiceTier | None
    """How fast and at what price: `flex` is slower at half the price, `priority` faster and dearer. Few providers have it."""

    files: Sequence[str] | None
    """Paths and patterns of files to attach, below the folders in MCP_MODELS_FILES. Without these, the call is refused."""

    web_search: bool | None
    """Let the provider search the web. The pages that the answer cites are in `result["citations"]`."""

    timeout: float | None
    """Seconds for the whole call, including retries."""

    extra_arguments: Mapping[str, Any] | None
    """Further arguments for a tool that is not ours. Our own servers refuse arguments they do not know."""


class MCPModelOptions(TypedDict, total=False):
    """What every `…MCPModel` accepts besides a model name and a key. See `MCPModel` for what they mean."""

    tool_name: str
    prompt_argument: str
    env: Mapping[str, str] | None
    timeout: float | None
    start_timeout: float
