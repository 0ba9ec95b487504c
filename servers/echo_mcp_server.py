"""Serve a model that repeats your prompt, with no key and no network. It is useful as a default and for tests.

The answer is the text of the last turn, so the same prompt always gets the same answer. The model's name can ask for more:

    echo                     answers at once
    echo-slow, echo-slow-5   takes 1 (5) seconds, in ten pieces
    echo-empty               returns no text
    echo-max_tokens          is cut off after half the words, as `max_tokens` cuts it anyway
    echo-error-TYPE          fails with that type of error: echo-error-rate_limit
"""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import errors
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.stdio import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.provider import OnText

PIECES = 10


class Echo(Provider):
    """A model that answers with the prompt."""

    name = "echo"
    title = "Echo"
    summary = "It repeats the prompt word for word: no model, no key, no network, for trying things out."
    default_model = "echo"
    parameters = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Return the text of the last turn, in the way that the model's name asks for."""
        model = request.model or self.default_model
        behaviour, _, detail = model.removeprefix("echo").removeprefix("-").partition("-")
        if behaviour not in ("", "slow", "empty", "max_tokens", "error"):
            raise errors.ModelNotFoundError(
                f"no model `{model}`; there are echo, echo-slow, echo-empty, echo-max_tokens, echo-error-TYPE."
            )
        if behaviour == "error":
            raise _failure(detail)
        prompt = request.turns[-1].text
        words = len(prompt.split())
        limit = min(request.limit, words // 2 if behaviour == "max_tokens" else words)
        text = "" if behaviour == "empty" else _first_words(prompt, limit) if limit < words else prompt
        pieces = _pieces(text)
        for piece in pieces:
            if behaviour == "slow":
                import asyncio

                await asyncio.sleep(_seconds(detail) / len(pieces))
            on_text(piece)
        cut = limit < words and bool(text)
        return core.completion.Completion(
            text=text,
            model=model,
            stop_reason="max_tokens" if cut else "end_turn",
            native_stop_reason="max_tokens" if cut else "end",
            usage=core.completion.Usage(
                input_tokens=sum(len(turn.text.split()) for turn in request.turns), output_tokens=len(text.split())
            ),
            cost_usd=0.0,
            auth_mode="none",
        )

    async def list_models(self) -> list[ModelInfo]:
        """Return the names that this model knows, including one for each type of error."""
        failing = [f"echo-error-{kind}" for kind in errors.ERROR_TYPES]
        names = ["echo", "echo-slow", "echo-empty", "echo-max_tokens", *failing]
        return [core.catalogue.ModelInfo(id=name) for name in names]


def _failure(kind: str) -> errors.CompletionError:
    if kind not in errors.ERROR_TYPES:
        return errors.ModelNotFoundError(f"no error type `{kind}`; there are {', '.join(errors.ERROR_TYPES)}.")
    return errors.ERROR_TYPES[kind](f"this is the {kind} error that the model's name asked for.")


def _seconds(detail: str) -> float:
    try:
        return min(600.0, max(0.0, float(detail or 1)))
    except ValueError:
        raise errors.ModelNotFoundError(f"expected a number of seconds after `echo-slow-`, got `{detail}`.") from None


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def _pieces(text: str) -> list[str]:
    size = max(1, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def main() -> None:
    """Serve on stdin and stdout."""
    serve(Echo())


if __name__ == "__main__":
    main()
