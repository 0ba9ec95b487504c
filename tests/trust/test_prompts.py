"""Prompts as weapons: a prompt is only text, a model's words are only text, and a folder has no say."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mcp_models.client import MCPModel, SessionError
from mcp_models.client.commands import terminal
from tests.fakes import FAKES
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.openai import FakeOpenAI
from tests.fakes.provider import FakeProvider
from tests.peer import Peer, call
from tests.servers.contract import server_of
from tests.trust import test_prompts as this
from tests.trust.incidents import INCIDENTS, Incident
from tests.trust.scene import Stranger

WEAPONS = (
    *("--help", "-m http.server", "--model=evil", "; touch {mark}", "$(touch {mark})", "`touch {mark}`", "| touch {mark} #"),
    *("' || touch {mark} '", '"; touch {mark}; "', "@{mark}", "@/etc/passwd", "file:///etc/passwd", "../../../etc/passwd"),
    *(
        "{{{{7*7}}}}",
        "${{OPENAI_API_KEY}}",
        "%OPENAI_API_KEY%",
        "{{0.__class__}}",
        "%s%n",
        "<%= 7 %>",
        "#{{7*7}}",
        "\\u0024(id)",
    ),
    *("\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "\r\nx-evil: 1", "\u202egnp.exe", "</prompt>", '"}}]}}', "data: [DONE]"),
)
NAMES = (
    "../../../evil",
    "x/../../../evil",
    "..%2f..%2fevil",
    "x?key=y",
    "x#y",
    "x\r\nx-evil: 1",
    "//127.0.0.1:1/x",
    "@127.0.0.1:1",
)


FAST = (FakeOpenAI, FakeGoogleAIStudio)
PROVIDERS = [pytest.param(fake, id=fake.__name__, marks=() if fake in FAST else pytest.mark.slow) for fake in FAKES]


@pytest.fixture(scope="module", params=PROVIDERS)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeProvider]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def server(fake: FakeProvider) -> Iterator[Peer]:
    with server_of(fake) as peer:
        yield peer


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as endpoint:
        yield endpoint


def test_a_prompt_is_only_text(fake: FakeProvider, server: Peer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for weapon in WEAPONS:
        prompt = weapon.format(mark=mark)
        fake.forget()
        server.ask(call(1, {"prompt": prompt, "system": prompt, "model": fake.model}))
        seen = fake.seen(fake.requests[-1])
        assert (seen.turns, seen.system) == ([("user", prompt)], prompt)
        assert "x-evil" not in fake.requests[-1].headers
    assert list(tmp_path.iterdir()) == []


def test_a_models_name_does_not_leave_its_place(fake: FakeProvider, server: Peer) -> None:
    fake.forget()
    server.ask(call(1, {"prompt": "x", "model": fake.model}))
    usual = urlsplit(fake.requests[-1].path).path.replace(fake.model, "")
    for name in NAMES:
        fake.forget()
        server.ask(call(1, {"prompt": "x", "model": name}))
        for request in fake.requests:
            path = urlsplit(request.path).path
            assert request.headers["host"] == urlsplit(fake.url).netloc
            assert "x-evil" not in request.headers
            assert ".." not in unquote(path).split("/") or path.count("/") == usual.count("/")
            assert path.startswith(usual.rpartition("/")[0])


def test_the_url_of_an_image_is_never_fetched_here(fake: FakeProvider, server: Peer, stranger: Stranger) -> None:
    local = stranger.url
    urls = (
        f"{local}/x.png",
        f"{local.replace('127.0.0.1', 'localhost')}/x.png",
        f"https://example.com\\@{local[7:]}/x.png",
        f"{local}@example.com/",
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "/etc/passwd",
    )
    for url in urls:
        content = [{"type": "text", "text": "Look:"}, {"type": "image", "url": url}]
        answer = server.ask(call(1, {"messages": [{"role": "user", "content": content}], "model": fake.model}))
        assert "root:" not in str(answer)
        assert "internal" not in str(answer["result"]["_meta"].get("mcp-models/error", {}).get("type"))
    assert stranger.requests == []


def test_the_folder_moves_no_address(stranger: Stranger, tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    (inner / ".claude").mkdir(parents=True)
    moved = f"OPENAI_BASE_URL={stranger.url}\nOPENAI_API_KEY=other\nMODEL_DEFAULT=evil\n"
    for folder in (tmp_path, tmp_path / "a", inner):
        (folder / ".env").write_text(moved)
        (folder / "sitecustomize.py").write_text("raise SystemExit('the folder was trusted')")
    (inner / ".claude" / "settings.json").write_text(f'{{"env": {{"OPENAI_BASE_URL": "{stranger.url}"}}}}')
    with FakeOpenAI() as fake, Peer("openai", env={**os.environ, **fake.environment()}, cwd=inner) as server:
        assert not server.ask(call(1, {"prompt": "x", "model": "gpt-x"}))["result"]["isError"]
        assert len(fake.requests) == 1
    assert stranger.requests == []


def test_what_a_server_says_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = tmp_path / "server.py"
    text = [weapon.format(mark=mark) for weapon in WEAPONS]
    script.write_text(f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent / "misbehaving")!r})
from speaking import *
answer(read(), {{**AGREED, "authorization_endpoint": "file:///$(touch {mark})", "instructions": {text!r}[3]}})
read()
for said in {text!r}:
    answer(read(), {{"content": [{{"type": "text", "text": said}}]}})
    refuse(read(), -32000, said)
read()
""")
    with MCPModel("other", "m", [sys.executable, str(script)], tool_name="x", timeout=10) as model:
        for said in text:
            assert model.call("x")["output"] == said
            with pytest.raises(SessionError):
                model.call("x")
    assert not mark.exists()


def test_a_terminal_does_not_obey_a_models_words() -> None:
    assert terminal.visible("a\x1b]0;title\x07\x9b31m\r\n\tb\x7f") == r"a\x1b]0;title\x07\x9b31m\x0d" + "\n\tb" + r"\x7f"


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.number)
def test_each_published_incident_has_its_test(incident: Incident) -> None:
    assert callable(getattr(this, incident.test))
    assert incident.source.startswith("https://")
