"""Define the arguments of `complete` that are about the call and not about the completion."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mcp_models.servers.core.arguments import explain, meant
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tools import TASK_ARGUMENTS, full_schema

LONGEST_NAME = 200
"""The longest name of a conversation, in characters."""


class TaskArguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the caller wants its answer."""

    conversation: Annotated[str, Meta(description="A name: its earlier turns are remembered until a restart.")] | None = None
    background: Annotated[bool, Meta(description="Return a `task_id` at once.")] | None = None
    task_id: Annotated[str, Meta(description="Wait for this task; give no prompt.")] | None = None
    part: Annotated[int, Meta(ge=1, description="Of a long answer.")] | None = None


def split(arguments: dict[str, Any]) -> tuple[TaskArguments, dict[str, Any]]:
    """Take the arguments of `TaskArguments` out of a call's arguments. Return both.

    Raises:
        InvalidRequestError: One of them is wrong, or does not go with the others.
    """
    given = {name: value for name, value in arguments.items() if name in TASK_ARGUMENTS and value is not None}
    rest = {name: value for name, value in arguments.items() if name not in TASK_ARGUMENTS}
    if not given:
        return _NONE, rest
    schema = full_schema()
    try:
        ours = msgspec.convert({name: meant(value, schema["properties"][name]) for name, value in given.items()}, TaskArguments)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(explain(str(error), given, schema)) from None
    _check(ours, rest)
    return ours, rest


_NONE = TaskArguments()


def _check(ours: TaskArguments, rest: dict[str, Any]) -> None:
    if ours.task_id is not None:
        others = [*rest, *(name for name in ("conversation", "background") if getattr(ours, name))]
        if others:
            raise InvalidRequestError(f"{others[0]}: leave it out; with `task_id` only `part` can be given")
    elif ours.part is not None:
        raise InvalidRequestError("part: expected `task_id` with it, as the note under a long answer says")
    if ours.conversation is not None:
        if not 0 < len(ours.conversation.strip()) <= LONGEST_NAME:
            raise InvalidRequestError(f"conversation: expected a name of 1 to {LONGEST_NAME} characters")
        if rest.get("messages") is not None:
            raise InvalidRequestError(
                "messages: leave it out; with `conversation` give only `prompt`, the earlier turns are known"
            )
