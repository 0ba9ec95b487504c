"""Define what we ask codex and what comes back. This is the same for both of its engines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Struct

from mcp_models.servers.codex import failures
from mcp_models.servers.core import errors
from mcp_models.servers.core.completion import DocumentPart, ImagePart, Message, StopReason, TextPart, Usage

if TYPE_CHECKING:
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.completion import CompletionRequest
    from mcp_models.servers.core.provider import OnText

CONVERSATION = "Continue this conversation: write the assistant's next message, and nothing but that message.\n\n"

MOST_REQUESTS = 5
"""How often codex may ask the service in one turn. Once is usual, and each call of a tool that the model lacks adds one."""


class Turn(Struct, frozen=True):
    """One question to codex.

    Attributes:
        model: The model to ask.
        prompt: The user's message, as texts and images in order.
        system: The instructions. None means neutral ones.
        effort: How much to think.
        schema: A JSON Schema for the answer.
        said: A digest of all messages, and of what else belongs to a thread of codex's.
        history: The same without the last message, if that is the user's and others came before it.
        follow_up: That last message alone, for a thread in which the others were said.
    """

    model: str
    prompt: list[TextPart | ImagePart]
    system: str | None = None
    effort: str | None = None
    schema: dict[str, Any] | None = None
    said: str = ""
    history: str | None = None
    follow_up: list[TextPart | ImagePart] = []

    @property
    def images(self) -> int:
        """How many images the prompt has."""
        return sum(isinstance(part, ImagePart) for part in self.prompt)

    @property
    def text(self) -> str:
        """The prompt without its images."""
        return "".join(part.text for part in self.prompt if isinstance(part, TextPart))


class TurnResult(Struct):
    """codex's answer.

    Attributes:
        model: The model that answered, if it is not the one asked.
        reasoning: The summaries of the model's thinking, if there are any.
    """

    thread_id: str = ""
    text: str = ""
    usage: Usage = Usage()
    stop_reason: StopReason = "end_turn"
    native_stop_reason: str = "completed"
    model: str | None = None
    reasoning: list[str] = []
    warnings: list[str] = []

    def fail(self, message: str, login: Login, code: Any = None) -> None:
        """Handle the failure of a turn. A text that was only cut off at its limit still counts as an answer.

        Raises:
            CompletionError: There is no such text.
        """
        if message.startswith("Incomplete response returned, reason: max_output_tokens") and self.text:
            self.stop_reason, self.native_stop_reason = "max_tokens", "max_output_tokens"
            return
        raise failures.from_codex(message, login, code)


def endless() -> errors.ProviderError:
    """Return the error of a turn in which the model kept calling tools. codex would go on asking it until the deadline."""
    return errors.ProviderError("the model kept calling tools that it does not have, so it was stopped.")


class Engine(Protocol):
    """One of codex's programs that run turns."""

    async def run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        """Run a turn. Cancelling it stops the work.

        Args:
            turn: The question.
            login: The login that is used, for error messages.
            on_text: Called with the text as it arrives.
            on_accepted: Called when the service begins to answer, which means that it has accepted the login.

        Raises:
            CompletionError: The turn failed.
        """

    async def aclose(self) -> None:
        """End any process that is kept running."""


def turn_of(request: CompletionRequest) -> Turn:
    """Turn a request into a question to codex, which accepts a single message from the user.

    A conversation is therefore written out as text. One sentence asks for the next message. Then each message follows,
    between the lines `<user>` and `</user>` or `<assistant>` and `</assistant>`. A single message is sent as it is.

    Raises:
        InvalidRequestError: The request is empty, or its model has an impossible name.
    """
    model = request.model or ""
    if model.startswith("-") or not model.isprintable():
        raise errors.InvalidRequestError(f"model: no model is called {model!r}")
    turns = request.turns
    if not any(turn.text.strip() or not isinstance(turn.content, str) for turn in turns):
        raise errors.InvalidRequestError("prompt: expected some text, as codex takes no empty prompt")
    alone = len(turns) == 1 and turns[0].role == "user"
    parts = _parts(turns[0]) if alone else [TextPart(CONVERSATION), *(part for turn in turns for part in _framed(turn))]
    system = (request.system or "").strip() or None  # like exec, which refuses empty instructions
    said = [_digest("", [model, system, request.reasoning_effort])]
    for turn in turns:
        said.append(_digest(said[-1], [turn.role, turn.content]))
    goes_on = not alone and turns[-1].role == "user"
    return Turn(
        model=model,
        prompt=_joined(parts),
        system=system,
        effort=request.reasoning_effort,
        schema=request.response_schema,
        said=said[-1],
        history=said[-2] if goes_on else None,
        follow_up=_joined(_parts(turns[-1])) if goes_on else [],
    )


def said_after(turn: Turn, answer: str) -> str:
    """Return the `history` of a turn that follows this one and its answer."""
    return _digest(turn.said, ["assistant", answer])


def _digest(before: str, more: list[Any]) -> str:
    return hashlib.sha256(before.encode() + msgspec.json.encode(more)).hexdigest()


def _framed(turn: Message) -> list[TextPart | ImagePart]:
    return [TextPart(f"<{turn.role}>\n"), *_parts(turn), TextPart(f"\n</{turn.role}>\n")]


def _parts(turn: Message) -> list[TextPart | ImagePart]:
    """Return the parts of a message.

    Raises:
        InvalidRequestError: One is a document.
    """
    if isinstance(turn.content, str):
        return [TextPart(turn.content)]
    parts = [part for part in turn.content if not isinstance(part, DocumentPart)]
    if len(parts) < len(turn.content):
        raise errors.InvalidRequestError("a ChatGPT login takes no documents: OPENAI_API_KEY takes them, or send their text.")
    return parts


def _joined(parts: list[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
    """Join neighbouring texts, as codex would send each part separately."""
    joined: list[TextPart | ImagePart] = []
    for part in parts:
        if joined and isinstance(part, TextPart) and isinstance(last := joined[-1], TextPart):
            joined[-1] = TextPart(last.text + part.text)
        else:
            joined.append(part)
    return joined
