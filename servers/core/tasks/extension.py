"""Speak the extension `io.modelcontextprotocol/tasks` of 2026-07-28 over the same tasks.

A client that declares it gets a task where others get a sentence, and asks for it with `tasks/get` until it has ended.
Source: https://github.com/modelcontextprotocol/ext-tasks/blob/main/specification/draft/tasks.md.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import protocol

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import Message, Server, TaskRequest
    from mcp_models.servers.core.tasks.store import Result, Task, TaskStore

POLL_MS = 2000
"""How often a client should ask for a task, in milliseconds."""


def created(task: Task) -> Result:
    """Return the result of a call that has become a task: the specification's `CreateTaskResult`."""
    return {"resultType": "task", **_state(task)}


def answer(request: TaskRequest, tasks: TaskStore, server: Server) -> Message:
    """Return the response to a request about a task.

    `tasks/update` has no effect, as no task asks its client for anything.

    Args:
        request: The request: `tasks/get`, `tasks/cancel` or `tasks/update`.
        tasks: The tasks.
        server: What the protocol needs to know of this server.
    """
    task = tasks.find(request.task_id)
    if task is None:
        return protocol.unknown_task(request)
    if request.method == "tasks/get":
        return protocol.tool_response(request, _detailed(task, tasks), server)
    if request.method == "tasks/cancel":
        task.cancel()
    return protocol.tool_response(request, {}, server)


def _detailed(task: Task, tasks: TaskStore) -> Result:
    """Return a task's state, and its result if it has one. A tool's error is a result too, so no task is `failed`."""
    if task.at_work:
        return _state(task)
    result = tasks.collect(task)
    return _state(task) if result is None else {**_state(task), "result": result}


def _state(task: Task) -> dict[str, Any]:
    status = "working" if task.at_work else "cancelled" if task.result is None else "completed"
    return {
        "taskId": task.id,
        "status": status,
        "statusMessage": f"{task.characters:,} characters, {task.seconds:.0f} s",
        "createdAt": _time(task.created),
        "lastUpdatedAt": _time(task.changed),
        "ttlMs": None if task.lifetime is None else round(task.lifetime * 1000),
        "pollIntervalMs": POLL_MS,
    }


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
