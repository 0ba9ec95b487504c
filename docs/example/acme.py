"""Fake Acme's API, for the contract that every provider is held to."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.provider import FakeProvider, Seen

_ENDS = {"end_turn": "end", "max_tokens": "limit"}


class FakeAcme(FakeProvider):
    """Knows the model `rocket-1`."""

    provider = "acme"
    model = "rocket-1"
    lacks = frozenset({"seed", "reasoning_effort", "response_schema"})

    def environment(self) -> dict[str, str]:
        return {"ACME_API_KEY": "acme-made-up-for-tests", "ACME_BASE_URL": self.url}

    def check(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != "Bearer acme-made-up-for-tests":
            return self.error(401, "your key is wrong")
        return None

    def text(self, request: Request | None, *pieces: str, stop: str = "end_turn") -> Reply:
        return _stream(*({"text": piece} for piece in pieces), _end(_ENDS.get(stop, stop)))

    def ticks(self) -> Iterator[bytes]:
        return itertools.repeat(_line({"text": "tick"}))

    def half(self) -> list[bytes]:
        return [_line({"text": "Half an"})]

    def error(self, status: int, message: str, **headers: str) -> Reply:
        return json_reply({"error": message}, status, **headers)

    def too_long(self) -> Reply:
        return self.error(400, "too_long: the turns do not fit")

    def unknown_model(self) -> Reply:
        return self.error(400, "no_such_model: we have others")

    def refusals(self) -> list[tuple[Reply, str]]:
        return []

    def only_thinking(self) -> Reply:
        return _stream({"thought": "hmm"}, _end("limit"))

    def models(self, request: Request) -> Reply:
        return json_reply({"models": [{"id": self.model}]})

    def seen(self, request: Request) -> Seen:
        body = request.body
        return Seen(
            model=body["model"],
            turns=[(turn["role"], turn["text"]) for turn in body["turns"]],
            system=body.get("system"),
            images=[image for turn in body["turns"] for image in turn["images"]],
            max_tokens=body.get("limit"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop=body.get("stop"),
        )


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _end(reason: str) -> dict[str, Any]:
    return {"end": reason, "model": "rocket-1", "read": 20, "written": 2}


def _stream(*lines: dict[str, Any]) -> Reply:
    return Reply(chunks=[_line(line) for line in lines], content_type="application/x-ndjson")
