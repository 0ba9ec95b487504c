"""Secrets: no key leaves a process, except to its own provider. The search finds a key in any form."""

from __future__ import annotations

import base64
import urllib.parse
from pathlib import Path

import pytest

from tests.fakes.endpoint import Request
from tests.fakes.openai import FakeOpenAI
from tests.fakes.provider import FakeProvider
from tests.trust.canaries import Search, canary
from tests.trust.leaks import SEARCHED, check_secrets
from tests.trust.secret_rows import ROWS, Row

FAST = [row for row in ROWS if not row.slow]
SLOW = [row for row in ROWS if row.slow]
OTHERS = [fake for fake in SEARCHED if fake is not FakeOpenAI]


@pytest.mark.slow
def test_no_key_of_openai_leaves_a_process() -> None:
    assert check_secrets([FakeOpenAI], FAST).failures == []


@pytest.mark.slow
def test_no_key_leaves_a_process_by_a_command() -> None:
    assert check_secrets([FakeOpenAI], SLOW).failures == []


@pytest.mark.slow
@pytest.mark.parametrize("fake", OTHERS, ids=lambda fake: fake.__name__)
def test_no_key_leaves_a_process(fake: type[FakeProvider]) -> None:
    assert check_secrets([fake], FAST).failures == []


def test_a_leak_is_found() -> None:
    rows = [
        Row("an error", lambda scene: scene.search.left("an error", ValueError(scene.key))),
        Row("a file", lambda scene: Path(scene.home, "log").write_text(scene.key)),
        Row("another's address", lambda scene: scene.fake.requests.append(_request(scene.search.keys["MISTRAL_API_KEY"]))),
        Row("a body", lambda scene: scene.fake.requests.append(_request(scene.key))),
    ]
    found = "\n".join(check_secrets([FakeOpenAI], rows).failures)
    for place in ("an error", "the file log", "MISTRAL_API_KEY in another's address, request, body", "a body, request, body"):
        assert place in found


@pytest.mark.parametrize(
    "written",
    [
        lambda key: key.encode(),
        lambda key: urllib.parse.quote(key).encode(),
        lambda key: base64.b64encode(key.encode()),
        lambda key: base64.b64encode(f"user:{key}".encode()),
        lambda key: base64.b64encode(f"user1:{key}".encode()),
        lambda key: key.encode().hex().encode(),
        lambda key: repr([key]).encode(),
    ],
)
def test_a_key_is_found_in_every_form(written: object) -> None:
    key = canary("x")
    search = Search({"X_KEY": key})
    search.left("there", written(key))  # type: ignore[operator]
    search.left("elsewhere", b"nothing")
    assert len(search.leaks) == 1


def _request(text: str) -> Request:
    return Request("POST", "/", {}, {"text": text})
