"""Define what codex is asked and what comes back, whichever of its two programs is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from mcp_models.servers.codex import failures
from mcp_models.servers.core import errors
from mcp_models.servers.core.completion import ImagePart, Message, StopReason, TextPart, Usage

if TYPE_CHECKING:
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.completion import CompletionRequest
    from mcp_models.servers.core.provider import OnText

CONVERSATION = "Continue this conversation: write the assistant's next message, and nothing but that message.\n\n"


class Turn(Struct, frozen=True):
    """One question to codex.

    Attributes:
        model: The model.
        prompt: What the user says, texts and images in order.
        system: The instructions; None for codex's neutral ones.
        effort: How much to think.
        schema: A JSON Schema for the answer.
    """

    model: str
    prompt: list[TextPart | ImagePart]
    system: str | None = None
    effort: str | None = None
    schema: dict[str, Any] | None = None

    @property
    def images(self) -> int:
        """How many images there are."""
        return sum(isinstance(part, ImagePart) for part in self.prompt)

    @property
    def text(self) -> str:
        """The prompt without its images."""
        return "".join(part.text for part in self.prompt if isinstance(part, TextPart))


class TurnResult(Struct):
    """What codex answered.

    Attributes:
        model: Another model than the one asked, if one answered.
        reasoning: The summary of its thinking, if there is one.
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
        """Note that the turn failed; an answer that only met its limit is still an answer.

        Raises:
            CompletionError: It was none.
        """
        if message.startswith("Incomplete response returned, reason: max_output_tokens") and self.text:
            self.stop_reason, self.native_stop_reason = "max_tokens", "max_output_tokens"
            return
        raise failures.from_codex(message, login, code)


class Engine(Protocol):
    """A program of codex's that carries out turns."""

    async def run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        """Carry out a turn; cancelling it stops the work.

        Args:
            turn: The question.
            login: Whose it is, for the words of errors.
            on_text: Takes the text as it comes.
            on_accepted: Called when the service has begun to answer, and so has accepted the login.

        Raises:
            CompletionError: It failed.
        """

    async def aclose(self) -> None:
        """End whatever process is kept."""


def turn_of(request: CompletionRequest) -> Turn:
    """Return a request as a question to codex, which takes one message of the user's.

    A conversation is therefore written out: each message between `<user>` and `</user>` or `<assistant>` and `</assistant>`,
    a line each, after one sentence that asks for the next one. A single message goes as it is.

    Raises:
        InvalidRequestError: It is empty, or no model can have that name.
    """
    model = request.model or ""
    if model.startswith("-") or not model.isprintable():
        raise errors.InvalidRequestError(f"model: no model is called {model!r}")
    turns = request.turns
    if not any(turn.text.strip() or not isinstance(turn.content, str) for turn in turns):
        raise errors.InvalidRequestError("prompt: expected some text, as codex takes no empty prompt")
    alone = len(turns) == 1 and turns[0].role == "user"
    parts = _parts(turns[0]) if alone else [TextPart(CONVERSATION), *(part for turn in turns for part in _framed(turn))]
    return Turn(
        model=model,
        prompt=_joined(parts),
        system=(request.system or "").strip() or None,  # as exec does, which refuses an empty one
        effort=request.reasoning_effort,
        schema=request.response_schema,
    )


def _framed(turn: Message) -> list[TextPart | ImagePart]:
    return [TextPart(f"<{turn.role}>\n"), *_parts(turn), TextPart(f"\n</{turn.role}>\n")]


def _parts(turn: Message) -> list[TextPart | ImagePart]:
    return [TextPart(turn.content)] if isinstance(turn.content, str) else turn.content


def _joined(parts: list[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
    """Return the parts with neighbouring texts made one, as codex sends each part apart."""
    joined: list[TextPart | ImagePart] = []
    for part in parts:
        if joined and isinstance(part, TextPart) and isinstance(last := joined[-1], TextPart):
            joined[-1] = TextPart(last.text + part.text)
        else:
            joined.append(part)
    return joined
