"""Begin calls as tasks, join identical ones, wait for them, and collect their results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core import errors, tools
from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.result import error_result
from mcp_models.servers.core.tasks import hosts, replies
from mcp_models.servers.core.tasks.arguments import TaskArguments, split
from mcp_models.servers.core.tasks.conversations import Conversation, Conversations
from mcp_models.servers.core.tasks.store import TaskStore

if TYPE_CHECKING:
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.service import CompletionService
    from mcp_models.servers.core.tasks.store import Result, Task
    from mcp_models.servers.core.telemetry.observation import CallObservation

    Ask = Callable[[dict[str, Any], OnText], Coroutine[Any, Any, Result]]


class TaskService:
    """Carry out tool calls as tasks, so that a host gets a reply before it gives up.

    It stands before a `CompletionService`. The calls of a client that waits as long as it takes, and gives no argument about
    tasks, go straight to that.

    Args:
        service: Carries out the completions.
        store: Holds the tasks. None means a new one.
    """

    def __init__(self, service: CompletionService, store: TaskStore | None = None) -> None:
        self.tasks = store or TaskStore()
        self._service = service
        self._conversations = Conversations()
        self._tool = next(iter(tools.tool_names(service.provider.env)))

    async def aclose(self) -> None:
        """Stop all tasks, and close the service."""
        await self.tasks.aclose()
        await self._service.aclose()

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        on_text: OnText,
        client_name: str | None = None,
        handle: Callable[[Task], Result] | None = None,
        observation: CallObservation | None = None,
    ) -> Result:
        """Carry out a tool call and return MCP's result. A failure is a result too.

        Args:
            name: The tool's name.
            arguments: The tool's arguments as they arrived.
            on_text: Called with each new piece of a completion's text.
            client_name: How the client names itself. It says how long the client waits.
            handle: Returns the answer while a task is at work, for a client of the tasks extension. None means a sentence.
            observation: Is told of the completion, if that ends before the call is answered.
        """
        if name == tools.LIST_MODELS:
            return await self._service.call_tool(name, arguments, on_text, client_name, observation=observation)
        try:
            ours, rest = split(arguments)
            env = self._service.provider.env
            within, most = hosts.reply_within(env, client_name), hosts.max_reply_chars(env, client_name)
            if handle is not None:
                within = min(within or hosts.TASKS_WITHIN, hosts.TASKS_WITHIN)
            if within is None and most is None and ours == TaskArguments():
                return await self._service.call_tool(name, rest, on_text, client_name, observation=observation)

            def ask(asked: dict[str, Any], on_text: OnText) -> Coroutine[Any, Any, Result]:
                return self._service.call_tool(tools.COMPLETE, asked, on_text, client_name, observation=observation)

            task = self._find(ours.task_id) if ours.task_id is not None else self._begin(ours, rest, ask)
            if ours.background:
                self.tasks.promise(task)
            if ours.background or not await task.wait(within, on_text):
                self.tasks.promise(task)
                return handle(task) if handle else replies.still_working(task, self._tool)
            return self._collect(task, ours, most)
        except errors.CompletionError as error:
            failure = error.with_traceback(None)
        return error_result(failure, self._service.provider.name, self._service.provider.title, None, "")

    def _find(self, task_id: str) -> Task:
        task = self.tasks.find(task_id.strip())
        if task is None:
            raise errors.InvalidRequestError(
                f"task_id: there is no task {task_id[:40]!r} any more. Answers stay for an hour after they were collected, "
                "and until this server is restarted. Ask again."
            )
        return task

    def _begin(self, ours: TaskArguments, rest: dict[str, Any], ask: Ask) -> Task:
        """Begin a task, or join the one that is at work for an identical request."""
        key = _key(ours.conversation, rest)
        if task := self.tasks.identical(key):
            return task
        if ours.background:  # nobody waits for the refusal of a background task
            provider = self._service.provider
            parse_arguments(rest, tuple(provider.service_tiers), tools.extras(provider))
        if ours.conversation is None:
            return self.tasks.begin(lambda on_text: ask(rest, on_text), key)
        conversation = self._conversations.open(ours.conversation)
        task = self.tasks.begin(lambda on_text: self._turn(conversation, rest, on_text, ask), key)
        conversation.task = task
        self._conversations.keep(conversation)
        return task

    async def _turn(self, conversation: Conversation, given: dict[str, Any], on_text: OnText, ask: Ask) -> Result:
        """Ask for the next turn of a conversation, and remember it if it is answered."""
        asked = conversation.arguments(given)
        result = await ask(asked, on_text)
        if result["isError"]:
            return replies.with_way_out(result) if conversation.has_files else result
        note = conversation.add(given, replies.text_of(result))
        self._conversations.keep(conversation)
        return replies.with_note(result, note)

    def _collect(self, task: Task, ours: TaskArguments, most: int | None) -> Result:
        """Return the result of a task that has ended, or a part of it."""
        result = self.tasks.collect(task)
        if result is None:
            raise errors.InvalidRequestError("task_id: this task was stopped before it had an answer. Ask again.")
        if result["isError"]:
            return result
        pieces, number = replies.parts(replies.text_of(result), most), ours.part or 1
        if number > len(pieces):
            raise errors.InvalidRequestError(f"part: expected int ≤ {len(pieces)}, got {number}")
        if len(pieces) == 1:
            return result
        self.tasks.promise(task)
        return replies.part_of(result, pieces, number, task, self._tool)


def _key(conversation: str | None, arguments: dict[str, Any]) -> str:
    """Return what identical requests have in common. What cannot be written as JSON is like no other request."""
    import hashlib  # takes 3 ms, and most clients wait for as long as it takes

    try:
        text = json.dumps([conversation, arguments], sort_keys=True)
    except RecursionError:
        return os.urandom(16).hex()
    return hashlib.sha256(text.encode()).hexdigest()
