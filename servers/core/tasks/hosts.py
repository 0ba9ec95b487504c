"""Say how long each host waits for a tool's result, and how much of it the host shows to its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mcp_models.servers.core import errors

if TYPE_CHECKING:
    from mcp_models.servers.core.settings import Environment

WITHIN_VARIABLE = "MCP_MODELS_REPLY_WITHIN"
MAX_CHARS_VARIABLE = "MCP_MODELS_MAX_REPLY_CHARS"

TASKS_WITHIN = 10.0
"""Seconds after which a client of the extension `io.modelcontextprotocol/tasks` gets a task instead of the answer."""

FEWEST_CHARS = 1000
"""The smallest size of a part, in characters."""

_LONGEST_NUMBER = 18

BRIDGE = "mcp-models"
"""How our own client names itself. It waits as long as its caller says, and a program could not use half an answer."""


class Host(NamedTuple):
    """What is known of a host.

    Attributes:
        reply_within: Seconds after which it has to have some reply: its own limit, less a margin. None means no limit.
        max_chars: The characters of a result that its model gets to see. None means no limit.
        source: Where this is known from.
    """

    reply_within: float | None
    max_chars: int | None
    source: str


_BEFORE_60_SECONDS = 50.0
"""What hosts that give up after 60 s get, in seconds."""

HOSTS: dict[str, Host] = {
    "inspector-cli": Host(_BEFORE_60_SECONDS, None, "the Inspector's two command lines, run with 2.12.0: 60 s"),
    "mcp-inspector": Host(_BEFORE_60_SECONDS, None, "the Inspector in a browser, 2.12.0: named in its code; not run"),
    "codex-mcp-client": Host(280.0, None, "Codex, run with 0.169.0: 300 s; https://github.com/openai/codex/pull/28234"),
    "fastmcp": Host(280.0, None, "pydantic-ai, run with 2.68.0: 300 s"),
    "copilot-cli": Host(_BEFORE_60_SECONDS, None, "its name seen with 1.0.102; the limit of 60 s is reported"),
    "Zed": Host(_BEFORE_60_SECONDS, None, "https://github.com/zed-industries/zed (`context_server_timeout`: 60 s); not run"),
    "cursor-vscode": Host(_BEFORE_60_SECONDS, None, "name and limit of 60 s are reported"),
    "claude-ai": Host(
        220.0,
        None,
        "Claude Desktop; name and limit of 4 min are reported: https://github.com/anthropics/claude-code/issues/22542",
    ),
}
"""The hosts by their `clientInfo.name`. Those that were not seen to give up, such as Claude Code, are not in it."""


def reply_within(env: Environment, client_name: str | None) -> float | None:
    """Return the seconds after which a client has to have some reply. None means that it waits for the answer.

    Args:
        env: The environment, in which MCP_MODELS_REPLY_WITHIN overrides the table. `0` means no limit.
        client_name: The client's `clientInfo.name`.

    Raises:
        ConfigurationError: The variable is not a number of seconds.
    """
    text = env.get(WITHIN_VARIABLE, "").strip()
    if client_name == BRIDGE:
        return None
    if not text:
        return HOSTS[client_name].reply_within if client_name in HOSTS else None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise errors.ConfigurationError(f"{WITHIN_VARIABLE}: expected a number of seconds, or 0 for no limit, got {text!r}.")
    return seconds or None


def max_reply_chars(env: Environment, client_name: str | None) -> int | None:
    """Return how many characters of an answer to give at once. None means all.

    Args:
        env: The environment, in which MCP_MODELS_MAX_REPLY_CHARS overrides the table. `0` means no limit.
        client_name: The client's `clientInfo.name`.

    Raises:
        ConfigurationError: The variable is neither 0 nor a whole number of at least `FEWEST_CHARS`.
    """
    text = env.get(MAX_CHARS_VARIABLE, "").strip()
    if client_name == BRIDGE:
        return None
    if not text:
        return HOSTS[client_name].max_chars if client_name in HOSTS else None
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER or 0 < int(text) < FEWEST_CHARS:
        raise errors.ConfigurationError(
            f"{MAX_CHARS_VARIABLE}: expected a whole number of at least {FEWEST_CHARS:,}, or 0 for no limit, got {text!r}."
        )
    return int(text) or None
