"""Stand in for Codex's model: it calls our tool as often as its plan says, and sees what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.fakes.endpoint import Reply, Request
from tests.hosts.models import ResponsesModel

Plan = Callable[[list[str]], dict[str, Any] | None]
"""Returns the arguments of the next call, given all results so far. None means that there is nothing more to ask."""


class PlannedModel(ResponsesModel):
    """A model that calls the tool `complete` step by step.

    Args:
        plan: What it asks for next.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def answer(self, request: Request) -> Reply:
        """Answer a request of Codex with the next call, or with "done"."""
        ours = [name for name in self.tools(request.body) if name.endswith("complete")]
        if request.method == "GET" or not ours:
            return super().answer(request)
        self.results = self.tool_results(request.body)
        arguments = self._plan(self.results)
        return self.says("done", request) if arguments is None else self.calls(ours[0], arguments, request)

    def calls(self, name: str, arguments: dict[str, Any], request: Request) -> Reply:
        """Call a tool under an id of its own."""
        namespace, _, function = name.rpartition("/")
        number = len(self.results) + 1
        call = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": function}
        return self._item({**call, "arguments": json.dumps(arguments), "namespace": namespace})


def task_id(result: str) -> str | None:
    """Return the task that a result asks to go on waiting for, if it does."""
    found = re.search(r'task_id: \W*"(\w+)', result)
    return found[1] if found else None


def until_answered(arguments: dict[str, Any]) -> Plan:
    """Return a plan that asks once, and then waits for as long as the results say so."""

    def plan(results: list[str]) -> dict[str, Any] | None:
        if not results:
            return arguments
        waited_for = task_id(results[-1])
        return {"task_id": waited_for} if waited_for else None

    return plan


def three_in_the_background(model: str) -> Plan:
    """Return a plan that sets three tasks to work at once, and then collects each."""

    def plan(results: list[str]) -> dict[str, Any] | None:
        if len(results) < 3:
            return {"prompt": f"question {len(results) + 1}", "model": model, "background": True}
        return {"task_id": task_id(results[len(results) - 3])} if len(results) < 6 else None

    return plan


def two_turns(results: list[str]) -> dict[str, Any] | None:
    """Ask two turns of a named conversation."""
    prompts = ("the first turn of three words", "the second")
    return {"prompt": prompts[len(results)], "conversation": "auth-review"} if len(results) < 2 else None
