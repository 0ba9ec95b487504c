"""What stays of tasks, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcp_models.servers.core.errors import RateLimitError
from mcp_models.servers.core.tasks import store
from mcp_models.servers.core.tasks.store import KEEP_SECONDS, Task, TaskStore
from tests.servers.core.tasks.controlled import Clock, Server, task_id, text, until


async def ended(tasks: TaskStore, key: str, size: int = 1) -> Task:
    async def call(_on_text: Any) -> dict[str, Any]:
        return {"content": "x" * size}

    task = tasks.begin(call, key)
    tasks.promise(task)
    assert await task.wait(None, lambda _: None)
    return task


async def test_a_collected_answer_stays_for_an_hour_and_one_that_nobody_came_for_longer() -> None:
    server = Server()
    replies = [await server.ask(prompt=prompt) for prompt in "ab"]
    for which in (0, 1):
        server.model.answer(which=which)
    assert text(await server.ask(task_id=task_id(replies[0]))) == "the answer"
    server.clock.now += KEEP_SECONDS
    gone, kept = [await server.ask(task_id=task_id(reply)) for reply in replies]
    assert "Answers stay for an hour after they were collected" in text(gone)
    assert text(kept) == "the answer"


async def test_too_many_answers_push_out_the_oldest_and_those_that_were_collected_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "MOST_RESULTS", 3)
    tasks = TaskStore(Clock())
    kept = [await ended(tasks, str(number)) for number in range(3)]
    tasks.collect(kept[2])
    kept.append(await ended(tasks, "3"))
    assert [tasks.find(task.id) is task for task in kept] == [True, True, False, True]
    kept.append(await ended(tasks, "4"))
    assert [tasks.find(task.id) is task for task in kept] == [False, True, False, True, True]


async def test_too_long_answers_push_out_others_but_never_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_CHARACTERS", 1000)
    tasks = TaskStore(Clock())
    kept = [await ended(tasks, str(number), size=400) for number in range(3)] + [await ended(tasks, "large", size=5000)]
    assert [tasks.find(task.id) is task for task in kept] == [False, False, False, True]


async def test_an_answer_whose_next_part_was_just_offered_stays_though_others_were_never_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "MOST_RESULTS", 2)
    clock = Clock()
    tasks = TaskStore(clock)
    kept = []
    for number in range(2):
        kept.append(await ended(tasks, str(number)))
        clock.now += 1

    async def call(_on_text: Any) -> dict[str, Any]:
        return {}

    task = tasks.begin(call, "long")
    assert await task.wait(None, lambda _: None)
    tasks.collect(task)  # as for a long answer: its first part is handed out, and then its id is told
    tasks.promise(task)
    assert [tasks.find(each.id) is each for each in [*kept, task]] == [False, True, True]


async def test_too_many_tasks_at_work_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_AT_WORK", 2)
    server = Server()
    for prompt in "ab":
        await server.ask(prompt=prompt)
    refused = await server.ask(prompt="c")
    assert refused["_meta"]["mcp-models/error"]["type"] == RateLimitError.type
    await server.service.aclose()
    await until(lambda: not server.tasks._at_work)


async def test_ids_are_short_and_never_the_same() -> None:
    tasks = TaskStore()
    ids = {(await ended(tasks, str(number))).id for number in range(200)}
    assert len(ids) == 200
    assert {len(each) for each in ids} == {18}
    await asyncio.sleep(0)
