"""Provide a server's calls with a model that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mcp_models.servers.core.completion import Completion, CompletionRequest
from mcp_models.servers.core.errors import OverloadedError
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.tasks.calls import TaskService
from mcp_models.servers.core.tasks.replies import META_TASK
from mcp_models.servers.core.tasks.store import TaskStore


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Controlled(Provider):
    """A model that says "so far", and then waits until the test lets it answer.

    Attributes:
        asked: The requests, in order.
        stopped: How many of them were cancelled.
    """

    name, title, summary, default_model = "controlled", "Controlled", "For tests.", "default"
    parameters = frozenset({"response_schema"})

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.asked: list[CompletionRequest] = []
        self.stopped = 0
        self._answers: list[asyncio.Future[str]] = []

    async def complete(self, request: CompletionRequest, on_text: Callable[[str], None]) -> Completion:
        self.asked.append(request)
        self._answers.append(asyncio.get_running_loop().create_future())
        try:
            on_text("so far")
            text = await self._answers[-1]
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if text == "fail":
            raise OverloadedError("no room.", retryable=False)
        return Completion(text=text, model="default", stop_reason="end_turn")

    def answer(self, text: str = "the answer", which: int = -1) -> None:
        """Let a request be answered, the last one if you do not say which."""
        self._answers[which].set_result(text)


class Server:
    """The calls of a server with a controlled model, whose host gives up in no time unless `env` says otherwise."""

    def __init__(self, **env: str) -> None:
        self.env = {"MCP_MODELS_REPLY_WITHIN": "0.001", "MCP_MODELS_LEDGER": "off", **env}
        self.model, self.clock = Controlled(self.env), Clock()
        self.tasks = TaskStore(self.clock)
        self.service = TaskService(CompletionService(self.model), self.tasks)
        self.texts: list[str] = []

    async def ask(self, client: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Call `complete` and return the result."""
        return await self.service.call_tool("complete", arguments, self.texts.append, client)

    def begin(self, **arguments: Any) -> asyncio.Task[dict[str, Any]]:
        """Call `complete` without waiting."""
        return asyncio.get_running_loop().create_task(self.ask(**arguments))


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until a condition holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("waited in vain")


def text(result: dict[str, Any]) -> str:
    """Return all texts of a result."""
    return "".join(block["text"] for block in result["content"])


def task_id(result: dict[str, Any]) -> str:
    """Return the id of the task that a result names."""
    found: str = result["_meta"][META_TASK]["task_id"]
    return found
