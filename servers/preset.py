"""Define `Preset`: a provider that speaks OpenAI's Chat Completions and differs from OpenAI by data alone.

`presets.py` has the rows. What a row can say stands here; a provider that needs more is a file of its own.
"""

from __future__ import annotations

import re

from mcp_models.servers.core import errors
from mcp_models.servers.openai_compatible import OpenAICompatible, strict_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar, Literal

    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.provider import OnText

    Bodies = Mapping[ReasoningEffort, str | Mapping[str, Any]]
    """What is sent for each effort: a value of `reasoning_effort`, or fields of the body."""

FIRST_LISTED = "first-listed"
"""The default model of a server that has only what its owner loaded: the first that `/models` lists and that writes text."""

NO_KEY = "none"
"""What is sent where a server asks for no key: the SDK wants one."""

ANY = ""
"""The pattern of every model."""

NO_MODEL = "(?!)"
"""The pattern of no model."""

ALL_PARAMETERS = frozenset({"temperature", "top_p", "stop", "seed", "reasoning_effort", "response_schema"})

_OTHER_KINDS = r"(?i).*embed|.*rerank|.*whisper"


class Preset(OpenAICompatible):
    """A row of the table. Patterns are regular expressions for the beginning of a model's name.

    Beside these attributes, a row has those of `Provider` and of `OpenAICompatible`.
    """

    needs_key: ClassVar[bool] = True
    """Whether the API refuses calls without a key."""

    key_page: ClassVar[str]
    """Where to get a key; where none is needed, what to start instead."""

    parameters = ALL_PARAMETERS

    limit_field: ClassVar[str] = "max_tokens"
    """The field for `max_tokens`."""

    default_limit: ClassVar[int | None] = None
    """The limit that is sent where the caller gives none; None means the usual one."""

    takes_default_temperature: ClassVar[str] = ANY
    """Pattern of the models that the default temperature is sent to."""

    lacks: ClassVar[Mapping[str, frozenset[str]]] = {}
    """The optional parameters that models, by their pattern, refuse or disregard; the first pattern that fits counts."""

    ignored_while_thinking: ClassVar[frozenset[str]] = frozenset()
    """The optional parameters that have no effect unless the effort is `none`."""

    efforts_by_model: ClassVar[Mapping[str, Bodies]] = {}
    """The efforts that models, by their pattern, have; empty for one that cannot think. Other models get what was asked for."""

    schema: ClassVar[Literal["json_schema", "json_object"]] = "json_schema"
    """The form in which `response_schema` is sent; as `json_object`, the schema itself goes into the instructions."""

    takes_strict: ClassVar[str] = ANY
    """Pattern of the models that take `strict` schemas."""

    streams_schema: ClassVar[bool] = True
    """Whether an answer to a schema may be streamed."""

    joins_text: ClassVar[bool] = False
    """Whether a message of several texts is sent as one, as the provider loses a list."""

    body_with_parameters: ClassVar[Mapping[str, Any]] = {}
    """Further fields of a request with optional parameters."""

    route_suffix: ClassVar[str] = ""
    """What separates a model's name from its route in a request, such as `:` in `model:free`. The answer has no route."""

    thinking_in: ClassVar[str]
    """Where thinking is in an answer, for the documents. All these places are read for every row."""

    images: ClassVar[Literal["yes", "by model"]]
    """Whether its models accept images, for the documents."""

    documented_only: ClassVar[str]
    """The facts that nobody is known to have seen at the service: they are only in documents or other projects' code."""

    sources: ClassVar[str]
    """Where its facts come from."""

    checked_on: ClassVar[str]
    """The day on which its facts were looked up, in ISO 8601."""

    def __init_subclass__(cls) -> None:
        cls.setup = f"set {cls.key_variables[0]} ({cls.key_page})" if cls.needs_key else cls.key_page

    def configured(self) -> bool:
        """Return whether a call has a chance. Where no key is needed, an address must be set: anything may listen there."""
        return super().configured() if self.needs_key else bool(self.env.get(self.url_variable, "").strip())

    def key(self) -> str:
        if not self.needs_key and not any(self.env.get(name, "").strip() for name in self.key_variables):
            return NO_KEY
        return super().key()

    def takes_temperature(self, model: str) -> bool:
        return re.match(self.takes_default_temperature, model) is not None

    def ignores(self, model: str) -> set[str]:
        bodies = self._bodies(model)
        lacking = next((names for pattern, names in self.lacks.items() if re.match(pattern, model)), frozenset())
        return {*lacking, *(["reasoning_effort"] if bodies is not None and not bodies else [])}

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return tuple(self._bodies(model) or ())

    def is_same_model(self, answered: str, asked: str) -> bool:
        if asked == FIRST_LISTED:
            return True
        name = asked.rpartition(self.route_suffix)[0] if self.route_suffix and self.route_suffix in asked else asked
        return super().is_same_model(answered, asked) or super().is_same_model(answered, name)

    def has_list_prices(self) -> bool:
        return self.price_list is not None and self.base_url() == self.own_url

    def most_output_tokens(self, request: CompletionRequest) -> int:
        return request.limit if request.max_tokens is not None else self.default_limit or request.limit

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Return one chat completion."""
        client = await self.client()
        from msgspec.structs import replace

        from mcp_models.servers.openai_chat import complete_chat

        if request.model == FIRST_LISTED:
            request = replace(request, model=await self._first_listed())
        if request.max_tokens is None and self.default_limit is not None:
            request = replace(request, max_tokens=self.default_limit)
        ignored = self._ignored(request)
        request = replace(request, **dict.fromkeys(ignored))
        with self.map_errors():
            completion = await complete_chat(
                self,
                client,
                self.payload(request),
                on_text,
                streams=self.streams_schema or request.response_schema is None,
                auth_mode="none" if client.api_key == NO_KEY else "api_key",
            )
        completion.dropped_params += ignored
        return completion

    def payload(self, request: CompletionRequest) -> dict[str, Any]:
        """Return a request in the provider's terms; what OpenAI does not have is in `extra_body`, as the SDK wants it."""
        from mcp_models.servers.openai_chat import chat_payload

        schema = request.response_schema
        answer_format = None if schema is None else strict_format(schema)
        payload = chat_payload(request, self.limit_field, answer_format)
        if self.joins_text:
            _join_texts(payload["messages"])
        if answer_format is not None and self.schema == "json_object":
            _ask_for_json(payload, answer_format["schema"])
        elif answer_format is not None and not re.match(self.takes_strict, request.model or ""):
            answer_format["strict"] = False
        body: dict[str, Any] = {}
        if any(getattr(request, name) is not None for name in ALL_PARAMETERS):
            body.update(self.body_with_parameters)
        effort = request.reasoning_effort
        sent = (self._bodies(request.model or "") or {}).get(effort) if effort is not None else None
        if isinstance(sent, str):
            payload["reasoning_effort"] = sent
        elif sent is not None:
            del payload["reasoning_effort"]
            body.update(sent)
        return {**payload, "extra_body": body}

    def _ignored(self, request: CompletionRequest) -> list[str]:
        """Return the parameters of a request that would have no effect, as the model thinks."""
        if request.reasoning_effort == "none":
            return []
        return [name for name in self.ignored_while_thinking if getattr(request, name) is not None]

    def _bodies(self, model: str) -> Bodies | None:
        """Return what is sent for each effort that a model has; None where that is not known."""
        return next((bodies for pattern, bodies in self.efforts_by_model.items() if re.match(pattern, model)), None)

    async def _first_listed(self) -> str:
        names = [model.id for model in await self.list_models()]
        found = next((name for name in names if not re.match(_OTHER_KINDS, name)), None)
        if found is None:
            raise errors.ModelNotFoundError(f"no model is loaded at {self.base_url()}: load one, or name it in `model`.")
        return found


def _join_texts(messages: list[dict[str, Any]]) -> None:
    for message in messages:
        parts = message["content"]
        if isinstance(parts, list) and all(part["type"] == "text" for part in parts):
            message["content"] = "".join(part["text"] for part in parts)


def _ask_for_json(payload: dict[str, Any], schema: dict[str, Any]) -> None:
    """Ask for an object and put its schema into the instructions; providers refuse a request that does not mention JSON."""
    import json

    text = f"Answer with a JSON object that fits this JSON Schema, and nothing else: {json.dumps(schema, ensure_ascii=False)}"
    payload["response_format"] = {"type": "json_object"}
    messages = payload["messages"]
    if messages[0]["role"] == "system":
        messages[0] = {"role": "system", "content": f"{messages[0]['content']}\n\n{text}"}
    else:
        messages.insert(0, {"role": "system", "content": text})
