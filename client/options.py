"""Name the options of a call and of an MCP model, for type checkers and for the check that no other is given."""

from __future__ import annotations

from typing import Any, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_models.servers.core.completion import ReasoningEffort


class CallOptions(TypedDict, total=False):
    """What `call()`, `acall()`, `stream()` and `astream()` take beside the prompt and the three usual arguments.

    Source: the tool `complete`, whose arguments these are; `docs/providers.md` says which provider takes which.
    """

    messages: Sequence[Mapping[str, Any]] | None
    """A conversation, oldest turn first, instead of a prompt (pass `""` for that)."""

    model: str | None
    """Another model than the one this object is for."""

    top_p: float | None
    stop: Sequence[str] | None
    """The answer ends before any of these."""

    seed: int | None
    reasoning_effort: ReasoningEffort | None
    response_schema: Mapping[str, Any] | None
    """A JSON Schema for the answer; the parsed answer is `result["structured"]`."""

    timeout: float | None
    """Seconds for the whole call, retries included."""

    extra_arguments: Mapping[str, Any] | None
    """Further arguments for somebody else's tool; our own servers refuse what they do not know."""


class MCPModelOptions(TypedDict, total=False):
    """What every `…MCPModel` takes beside its model's name and its key; `MCPModel` says what each is."""

    tool_name: str
    prompt_argument: str
    env: Mapping[str, str] | None
    timeout: float | None
    start_timeout: float
