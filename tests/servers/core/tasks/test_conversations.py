"""Conversations by name: what is remembered, what is said about it, and what is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_models.servers.core.tasks import conversations
from tests.servers.core.tasks.controlled import Server, text, until


async def say(server: Server, prompt: str, answer: str = "yes", **arguments: Any) -> dict[str, Any]:
    """Ask the next turn of the conversation `a`, unless another is named, and let it be answered."""
    before = len(server.model.asked)
    call = server.begin(**{"prompt": prompt, "conversation": "a", **arguments})
    await until(lambda: len(server.model.asked) > before or call.done())
    if not call.done():
        server.model.answer(answer)
    return await call


def turns(server: Server) -> list[tuple[str, str]]:
    """Return the turns of the last request."""
    return [(turn.role, turn.text) for turn in server.model.asked[-1].turns]


@pytest.fixture
def server() -> Server:
    return Server(MCP_MODELS_REPLY_WITHIN="60")


async def test_a_follow_up_knows_the_turns_before_it_and_says_which_it_is(server: Server) -> None:
    first = await say(server, "one", "1", system="Count.", model="other")
    assert first["content"][0]["text"] == "1"
    assert first["content"][1]["annotations"] == {"audience": ["assistant"]}
    assert "New conversation `a`: nothing earlier was known.]" in text(first)
    assert "Turn 2 of the conversation `a`.]" in text(await say(server, "two", "2"))
    await say(server, "three")
    assert turns(server) == [("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2"), ("user", "three")]
    assert (server.model.asked[-1].system, server.model.asked[-1].model) == ("Count.", "other")
    await say(server, "one", conversation="b")
    assert turns(server) == [("user", "one")]


async def test_the_files_of_earlier_turns_are_read_again_for_each_follow_up(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    server = Server(MCP_MODELS_REPLY_WITHIN="60", MCP_MODELS_FILES=str(tmp_path))
    await say(server, "one", files=["a.py"])
    (tmp_path / "a.py").write_text("# changed\n")
    await say(server, "two", files='["b.py", "a.py"]')
    await say(server, "three")
    assert ["# changed" in said and "# b.py" in said for _, said in turns(server)] == [False] * 4 + [True]
    assert "files: expected array" in text(await say(server, "four", files=7))


async def test_a_file_that_has_gone_does_not_end_a_conversation(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# a.py\n")
    server = Server(MCP_MODELS_REPLY_WITHIN="60", MCP_MODELS_FILES=str(tmp_path))
    await say(server, "one", files=["a.py"])
    (tmp_path / "a.py").unlink()
    refused = text(await say(server, "two"))
    assert "a.py: it is not there" in refused
    assert "`files: []` leaves them out" in refused
    assert "Turn 2" in text(await say(server, "two", files=[]))
    assert "Turn 3" in text(await say(server, "three"))


async def test_what_holds_for_all_turns_takes_of_the_bounded_memory(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_CHARACTERS", 1000)
    for name in "ab":
        await say(server, "x", system="s" * 600, conversation=name)
    assert "New conversation `a`" in text(await say(server, "x", conversation="a"))


async def test_a_turn_that_failed_leaves_the_memory_as_it_was(server: Server) -> None:
    await say(server, "one", "1")
    assert (await say(server, "two", "fail"))["isError"] is True
    assert "Turn 2" in text(await say(server, "again", "2"))
    assert turns(server) == [("user", "one"), ("assistant", "1"), ("user", "again")]
    assert (await say(server, "x", "fail", conversation="b"))["isError"] is True
    assert "New conversation `b`" in text(await say(server, "x", conversation="b"))


async def test_a_second_turn_at_once_is_refused_and_the_same_one_joins(server: Server) -> None:
    first, same = (server.begin(prompt="one", conversation="a") for _ in range(2))
    await until(lambda: server.model.asked)
    assert "the last turn of `a` is still at work" in text(await server.ask(prompt="two", conversation="a"))
    server.model.answer("1")
    assert text(await first) == text(await same)
    assert "Turn 2" in text(await say(server, "two"))


async def test_a_cancelled_turn_leaves_the_memory_as_it_was(server: Server) -> None:
    call = server.begin(prompt="one", conversation="a")
    await until(lambda: server.model.asked)
    call.cancel()
    await until(lambda: server.model.stopped)
    assert "New conversation" in text(await say(server, "one"))


async def test_the_note_stands_beside_others_and_a_structured_answer_moves_aside(server: Server) -> None:
    result = await say(server, "one", '{"a": 1}', response_schema={"type": "object"}, temperature=1)
    assert text(result).endswith(
        "does not take `temperature`: answered without. New conversation `a`: nothing earlier was known.]"
    )
    structured = await say(server, "two", '{"a": 2}', response_schema={"type": "object"})
    assert "structuredContent" not in structured
    assert structured["_meta"]["mcp-models/completion"]["structured"] == {"a": 2}


async def test_the_conversation_used_least_recently_is_forgotten_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_CONVERSATIONS", 2)
    for name in "abac":
        await say(server, "x", conversation=name)
    assert "Turn 3" in text(await say(server, "x", conversation="a"))
    assert "New conversation `b`" in text(await say(server, "x", conversation="b"))


async def test_a_conversation_whose_turn_is_at_work_is_not_forgotten(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_CONVERSATIONS", 1)
    await say(server, "one")
    second = server.begin(prompt="two", conversation="a")
    await until(lambda: len(server.model.asked) == 2)
    await say(server, "x", conversation="b")
    assert "still at work" in text(await server.ask(prompt="three", conversation="a"))
    server.model.answer("2", which=1)
    assert "Turn 2" in text(await second)


async def test_conversations_take_a_bounded_memory_together(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_CHARACTERS", 1000)
    for name in "ab":
        await say(server, "x" * 600, conversation=name)
    assert "Turn 2" in text(await say(server, "x", conversation="b"))
    assert "New conversation `a`" in text(await say(server, "x", conversation="a"))
