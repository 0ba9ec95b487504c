"""Speak OpenAI's Responses API, which is its primary one.

Source: https://platform.openai.com/docs/api-reference/responses; the types of `openai` 3.54.
"""

from __future__ import annotations

from mcp_models.servers import core
from mcp_models.servers.core import chat, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from openai import AsyncOpenAI
    from openai.types.responses import (
        Response,
        ResponseOutputText,
        ResponseReasoningItem,
        ResponseStreamEvent,
        ResponseUsage,
    )

    from mcp_models.servers.core.completion import (
        Citation,
        Completion,
        CompletionRequest,
        DocumentPart,
        ImagePart,
        Message,
        StopReason,
        TextPart,
        Usage,
    )
    from mcp_models.servers.core.provider import OnText

    Failed = Callable[[str | None, str, str | None], errors.CompletionError]
    """Returns the error for a code, a message and a request's id."""

_STOP_REASONS: dict[str | None, StopReason] = {"max_output_tokens": "max_tokens", "content_filter": "content_filter"}


async def respond(client: AsyncOpenAI, payload: dict[str, Any], on_text: OnText, failed: Failed) -> Completion:
    """Ask for a streamed response.

    Args:
        client: The SDK's client.
        payload: The request, from `responses_payload`.
        on_text: Called with each piece of the text.
        failed: Returns the error for a failure within the stream.
    """
    async with await client.responses.create(**payload, stream=True, timeout=None) as stream:
        request_id = stream.response.headers.get("x-request-id")
        shown = _Shown(on_text)
        async for event in stream:
            if event.type in ("response.completed", "response.incomplete"):
                return responses_completion(event.response, request_id)
            if event.type == "response.failed":
                raise failure(event.response, request_id, failed)
            if event.type == "error":
                raise failed(event.code, event.message, request_id)
            shown.receive(event)
    raise errors.UnreachableError("OpenAI ended the answer in its middle.")


class _Shown:
    """Pass on the text of a streamed response, without the remarks that a model makes while it works.

    Args:
        on_text: Called with each piece.
    """

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._asides: set[str] = set()
        self._item: str | None = None

    def receive(self, event: ResponseStreamEvent) -> None:
        """Handle an event."""
        if event.type == "response.output_item.added" and getattr(event.item, "phase", None) == "commentary":
            self._asides.add(str(event.item.id))
        elif event.type == "response.output_text.delta" and event.item_id not in self._asides:
            if self._item not in (None, event.item_id):
                self._on_text("\n\n")
            self._item = event.item_id
            self._on_text(event.delta)


def responses_payload(request: CompletionRequest, strict_format: dict[str, Any] | None) -> dict[str, Any]:
    """Translate a request for the Responses API. `store=False` keeps OpenAI from storing the answer for 30 days."""
    payload = {
        "model": request.model,
        # OpenAI does not need the type, but llama.cpp does.
        "input": [{"type": "message", "role": turn.role, "content": _content(turn)} for turn in request.turns],
        "store": False,
        "max_output_tokens": request.limit,
        "instructions": request.system,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "reasoning": {"effort": request.reasoning_effort} if request.reasoning_effort is not None else None,
        "text": None if strict_format is None else {"format": {"type": "json_schema", **strict_format}},
    }
    return {name: value for name, value in payload.items() if value is not None}


def failure(response: Response, request_id: str | None, failed: Failed) -> errors.CompletionError:
    """Return the error for a response whose status is `failed`."""
    error = response.error
    return failed(error.code if error else None, error.message if error else "it gave no reason.", request_id)


def responses_completion(response: Response, request_id: str | None) -> Completion:
    """Turn a finished response into a `Completion`.

    Raises:
        RefusalError: The model declined to answer.
    """
    if (declined := refusal(response, request_id)) is not None:
        raise declined
    return answered(response, request_id)


def refusal(response: Response, request_id: str | None) -> errors.RefusalError | None:
    """Return the error for a response in which the model declined to answer, or None if it did not."""
    messages = [item for item in response.output if item.type == "message"]
    said = [part.refusal for item in messages for part in item.content if part.type == "refusal"]
    return errors.RefusalError(f"the model declined: {' '.join(said)}", request_id=request_id) if said else None


def answered(response: Response, request_id: str | None) -> Completion:
    """Turn a finished response into a `Completion`, which may have no text."""
    messages = [item for item in response.output if item.type == "message"]
    answers = [item for item in messages if item.phase != "commentary"] or messages
    texts = ["".join(part.text for part in item.content if part.type == "output_text") for item in answers]
    thoughts = [text for item in response.output if item.type == "reasoning" for text in _thoughts(item)]
    called = any(item.type.endswith("_call") and item.type != "web_search_call" for item in response.output)
    searched = [item for item in response.output if item.type == "web_search_call"]
    reason = response.incomplete_details.reason if response.incomplete_details else None
    stop_reason: StopReason = "tool_use" if called else "end_turn"
    return core.completion.Completion(
        text="\n\n".join(filter(None, texts)),
        model=response.model,
        stop_reason=stop_reason if response.status == "completed" else _STOP_REASONS.get(reason, "other"),
        native_stop_reason=reason or response.status,
        usage=_usage(response.usage, sum(item.action is None or item.action.type == "search" for item in searched)),
        service_tier=response.service_tier,
        request_id=request_id,
        auth_mode="api_key",
        reasoning="\n\n".join(thoughts) or None,
        citations=[each for item in answers for part in item.content if part.type == "output_text" for each in _cited(part)],
    )


def _thoughts(item: ResponseReasoningItem) -> list[str]:
    """Return the summary of the thinking or, if there is none, its text, which only compatible servers show."""
    return [part.text for part in item.summary or ()] or [part.text for part in item.content or ()]


def _cited(part: ResponseOutputText) -> list[Citation]:
    notes = [note for note in part.annotations or () if note.type == "url_citation"]
    return [core.completion.Citation(note.url, note.title or "") for note in notes]


def _content(turn: Message) -> str | list[dict[str, Any]]:
    if isinstance(turn.content, str) or turn.role == "assistant":  # the API has other types for an assistant's parts
        return turn.text
    return [_part(part) for part in turn.content]


def _part(part: TextPart | ImagePart | DocumentPart) -> dict[str, Any]:
    if isinstance(part, core.completion.TextPart):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, core.completion.ImagePart):
        return {"type": "input_image", "image_url": part.url, "detail": "auto"}
    if part.url.startswith("https://"):
        return {"type": "input_file", "file_url": part.url}
    return {"type": "input_file", "filename": chat.DOCUMENT_NAME, "file_data": part.url}


def _usage(usage: ResponseUsage | None, searches: int) -> Usage:
    if usage is None:
        return core.completion.Usage(web_searches=searches)
    details, out = usage.input_tokens_details, usage.output_tokens_details
    return core.completion.Usage(
        input_tokens=usage.input_tokens or 0,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=getattr(details, "cached_tokens", None) or 0,
        cache_write_tokens=getattr(details, "cache_write_tokens", None) or 0,
        reasoning_tokens=getattr(out, "reasoning_tokens", None) or 0,
        web_searches=searches,
    )
