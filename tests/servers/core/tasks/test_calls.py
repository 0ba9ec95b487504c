"""Calls that take longer than a host waits: begin, wait, join, collect and cancel."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mcp_models.servers.core.arguments import parse_arguments
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.tasks.replies import parts
from mcp_models.servers.core.tools import TASK_ARGUMENTS
from tests.servers.core.tasks.controlled import Server, task_id, text, until


async def test_a_host_that_gives_up_gets_a_sentence_in_time_and_the_answer_later() -> None:
    server = Server()
    reply = await server.ask(prompt="x")
    assert reply["isError"] is False
    assert "Still working: 0 seconds and 6 characters so far." in text(reply)
    assert f'Call `complete` with `task_id: "{task_id(reply)}"` and nothing else to go on waiting.' in text(reply)
    server.clock.now = 75
    again = await server.ask(task_id=task_id(reply))
    assert "75 seconds" in text(again)
    assert task_id(again) == task_id(reply)
    server.model.answer()
    for _ in range(2):  # a collected answer stays
        assert text(await server.ask(task_id=task_id(reply))) == "the answer"
    assert len(server.model.asked) == 1


async def test_an_answer_in_time_is_the_services_own_and_nothing_stays() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="60")
    call = server.begin(prompt="x")
    await until(lambda: server.model.asked)
    server.model.answer()
    result = await call
    assert result["content"] == [{"type": "text", "text": "the answer"}]
    assert "mcp-models/task" not in result["_meta"]
    assert not server.tasks._promised
    assert not server.tasks._at_work


async def test_a_client_that_waits_gets_no_task() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="")
    call = server.begin(prompt="x")
    await until(lambda: server.model.asked)
    assert not server.tasks._at_work
    server.model.answer()
    assert text(await call) == "the answer"


async def test_background_returns_at_once_and_three_are_collected() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="")
    replies = [await server.ask(prompt=f"question {number}", background=True) for number in range(3)]
    await until(lambda: len(server.model.asked) == 3)
    for number in (2, 0, 1):
        server.model.answer(f"answer {number}", which=number)
    assert [text(await server.ask(task_id=task_id(reply))) for reply in replies] == ["answer 0", "answer 1", "answer 2"]


async def test_a_background_task_that_is_refused_says_so_at_once() -> None:
    server = Server()
    result = await server.ask(prompt="x", background="true", max_tokens=0)
    assert result["isError"] is True
    assert "max_tokens: expected int ≥ 1, got 0" in text(result)
    assert not server.tasks._promised


async def test_an_identical_request_joins_the_one_at_work() -> None:
    server = Server()
    first = await server.ask(prompt="x", system="y")
    second = await server.ask(system="y", prompt="x")
    other = await server.ask(prompt="x", system="z")
    assert task_id(first) == task_id(second) != task_id(other)
    assert len(server.model.asked) == 2
    server.model.answer(which=0)
    assert text(await server.ask(task_id=task_id(first))) == "the answer"
    assert task_id(await server.ask(prompt="x", system="y")) != task_id(first)  # it has ended: this is a new question


async def test_all_who_wait_get_the_text_as_it_comes() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="60")
    heard: list[str] = []
    calls = [server.begin(prompt="x"), asyncio.create_task(server.service.call_tool("complete", {"prompt": "x"}, heard.append))]
    await until(lambda: server.model.asked)
    server.model.answer()
    assert [text(result) for result in await asyncio.gather(*calls)] == ["the answer"] * 2
    assert server.texts == heard == ["so far"]


async def test_the_last_who_cancels_stops_the_work() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="60")
    first, second = server.begin(prompt="x"), server.begin(prompt="x")
    await until(lambda: server.model.asked)
    first.cancel()
    await asyncio.wait([first])
    assert server.model.stopped == 0
    second.cancel()
    await asyncio.wait([second])
    await until(lambda: server.model.stopped == 1)
    assert not server.tasks._at_work


async def test_a_call_that_is_cancelled_before_it_begins_leaves_nothing() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="60")
    call = server.begin(prompt="x")
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    await until(lambda: not server.tasks._at_work)


@pytest.mark.parametrize("background", [True, None])
async def test_cancelling_a_wait_does_not_stop_a_task_whose_id_is_known(background: bool | None) -> None:
    server = Server()
    reply = await server.ask(prompt="x", background=background)
    await until(lambda: server.model.asked)
    server.env["MCP_MODELS_REPLY_WITHIN"] = "60"
    wait = server.begin(task_id=task_id(reply))
    await asyncio.sleep(0)
    wait.cancel()
    await asyncio.wait([wait])
    server.model.answer()
    assert text(await server.ask(task_id=task_id(reply))) == "the answer"


async def test_closing_stops_every_task() -> None:
    server = Server()
    await server.ask(prompt="x", background=True)
    await server.ask(prompt="y")
    await until(lambda: len(server.model.asked) == 2)
    await server.service.aclose()
    assert server.model.stopped == 2


async def test_a_failure_is_collected_like_an_answer() -> None:
    server = Server()
    reply = await server.ask(prompt="x")
    server.model.answer("fail")
    result = await server.ask(task_id=task_id(reply))
    assert result["isError"] is True
    assert "no room" in text(result)


async def test_a_long_answer_comes_in_parts_that_make_up_the_whole() -> None:
    server = Server(MCP_MODELS_REPLY_WITHIN="60", MCP_MODELS_MAX_REPLY_CHARS="1000")
    long = "\n\n".join(f"Paragraph {number} " + "word " * 60 for number in range(10))
    call = server.begin(prompt="x", response_schema={"type": "string"})
    await until(lambda: server.model.asked)
    server.model.answer(json.dumps({"text": long}))
    result = await call
    pieces, number = [], 1
    while True:
        piece, note = result["content"]
        assert len(piece["text"]) <= 1000
        assert note["annotations"] == {"audience": ["assistant"]}
        pieces.append(piece["text"])
        if f'`task_id: "{task_id(result)}", part: {number + 1}`' not in note["text"]:
            break
        number += 1
        result = await server.ask(task_id=task_id(result), part=number)
    assert number > 3
    assert f"This is part {number} of {number} of a long answer." in note["text"]
    assert json.loads("".join(pieces)) == {"text": long}
    beyond = await server.ask(task_id=task_id(result), part=number + 1)
    assert f"part: expected int ≤ {number}, got {number + 1}" in text(beyond)


@pytest.mark.parametrize("character", ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "\r\n"])
def test_a_part_ends_between_two_characters_as_a_reader_sees_them(character: str) -> None:
    text = "x" * 99 + character + "y" * 50
    pieces = parts(text, 99 + len(character) - 1)
    assert pieces == ["x" * 99, character + "y" * 50]


REFUSED = [
    ({"task_id": "nope"}, "task_id: there is no task 'nope' any more"),
    ({"task_id": "nope", "prompt": "x"}, "prompt: leave it out"),
    ({"task_id": "nope", "background": True}, "background: leave it out"),
    ({"task_id": 5}, "task_id: expected string, got 5"),
    ({"prompt": "x", "part": 2}, "part: expected `task_id` with it"),
    ({"task_id": "nope", "part": 0}, "part: expected int ≥ 1, got 0"),
    ({"prompt": "x", "background": "perhaps"}, 'background: expected boolean, got "perhaps"'),
    ({"prompt": "x", "conversation": " "}, "conversation: expected a name of 1 to 200 characters"),
    ({"conversation": "a", "messages": [{"role": "user", "content": "x"}]}, "messages: leave it out"),
    ({"conversation": "a"}, "give either `prompt`"),
    ({"prompt": "x", "tast_id": "a"}, "tast_id: unknown argument"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[says for _, says in REFUSED])
async def test_what_makes_no_sense_is_refused_with_a_sentence(arguments: dict[str, Any], says: str) -> None:
    result = await Server(MCP_MODELS_REPLY_WITHIN="60").ask(**arguments)
    assert result["isError"] is True
    assert says in text(result)


@pytest.mark.parametrize("name", TASK_ARGUMENTS)
def test_without_a_server_there_are_no_such_arguments(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{name}: unknown argument"):
        parse_arguments({"prompt": "x", name: "a"})
