"""Remember the turns of conversations by name, in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core.arguments import meant
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tools import full_schema

if TYPE_CHECKING:
    from mcp_models.servers.core.tasks.store import Task

MOST_CONVERSATIONS = 100
MOST_CHARACTERS = 16 * 1024 * 1024
"""The most characters of all conversations together. The one used last is kept in any case."""

_REMEMBERED = ("system", "model")
"""Arguments that hold for the following turns, too, until another value is given."""


class Conversation:
    """The turns of one conversation.

    Args:
        name: The name that the caller gave it.

    Attributes:
        turns: The messages so far, the oldest first.
        task: The task of the last turn.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.turns: list[dict[str, str]] = []
        self.task: Task | None = None
        self._remembered: dict[str, Any] = {}

    @property
    def size(self) -> int:
        """The characters of all turns, and of what holds for the following ones."""
        remembered = [text for value in self._remembered.values() for text in (value if isinstance(value, list) else [value])]
        return sum(len(turn["content"]) for turn in self.turns) + sum(map(len, remembered))

    @property
    def has_files(self) -> bool:
        """Whether earlier turns had files, which are read again for each turn."""
        return bool(self._remembered.get("files"))

    @property
    def at_work(self) -> bool:
        """Whether the last turn has not been answered."""
        return self.task is not None and self.task.at_work

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the call for a new turn: with the earlier turns as messages."""
        asked = {**self._remembered, **{name: value for name, value in given.items() if value is not None}}
        if files := self._files(given):
            asked["files"] = files
        prompt = asked.get("prompt")
        if not self.turns or not isinstance(prompt, str):  # what is not a prompt is refused where all arguments are checked
            return asked
        del asked["prompt"]
        return {**asked, "messages": [*self.turns, {"role": "user", "content": prompt}]}

    def add(self, given: dict[str, Any], answer: str) -> str:
        """Remember a turn that was answered. Return the note for the caller's model."""
        self.turns += [{"role": "user", "content": given["prompt"]}, {"role": "assistant", "content": answer}]
        self._remembered |= {name: given[name] for name in _REMEMBERED if given.get(name) is not None}
        files = self._files(given)
        self._remembered.pop("files", None)
        if files:
            self._remembered["files"] = files
        number = len(self.turns) // 2
        if number == 1:
            return f"New conversation `{self.name}`: nothing earlier was known."
        return f"Turn {number} of the conversation `{self.name}`."

    def _files(self, given: dict[str, Any]) -> Any:
        """Return the files of the earlier turns, which are read again, and of the new one. An empty list drops the earlier."""
        earlier, new = self._remembered.get("files", []), given.get("files")
        new = [] if new is None else meant(new, full_schema()["properties"]["files"])
        if new == []:
            return [] if given.get("files") is not None else earlier
        return list(dict.fromkeys([*earlier, *new])) if _is_texts(new) else new  # what is not texts is refused elsewhere


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


class Conversations:
    """Hold the conversations of a server. The least recently used ones are forgotten first."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, Conversation] = OrderedDict()

    def open(self, name: str) -> Conversation:
        """Return the conversation with this name, or a new one.

        Raises:
            InvalidRequestError: Its last turn has not been answered. Two turns at once would have no order.
        """
        conversation = self._by_name.get(name) or Conversation(name)
        if conversation.at_work:
            raise InvalidRequestError(
                f"conversation: the last turn of `{name}` is still at work: wait for its answer, or use another name"
            )
        return conversation

    def keep(self, conversation: Conversation) -> None:
        """Hold a conversation as the one used last, and forget those that are too many."""
        self._by_name[conversation.name] = conversation
        self._by_name.move_to_end(conversation.name)
        if not conversation.turns:
            self._forget_empty(conversation)
            return
        characters = sum(other.size for other in self._by_name.values())
        for other in [*self._by_name.values()][:-1]:
            if len(self._by_name) <= MOST_CONVERSATIONS and characters <= MOST_CHARACTERS:
                break
            if not other.at_work:  # another turn of it would know nothing of the one at work
                del self._by_name[other.name]
                characters -= other.size

    def _forget_empty(self, but: Conversation) -> None:
        """Forget conversations whose first turn has failed."""
        for other in [*self._by_name.values()]:
            if not other.turns and not other.at_work and other is not but:
                del self._by_name[other.name]
