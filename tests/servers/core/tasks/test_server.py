"""Tasks in a real server process: the official extension on the wire, progress, cancellation and the end."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from tests.peer import MODERN_META, Peer, call, request
from tests.servers.core.tasks.controlled import task_id, text

EXTENSION = "io.modelcontextprotocol/tasks"
DECLARED: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}}}
SLOW = {"prompt": "one two three", "model": "echo-slow-60"}


def ask(server: Peer, number: int, method: str, task: Any, **meta: Any) -> dict[str, Any]:
    """Send a request of the extension, and return the answer."""
    return server.ask(request(number, f"tasks/{method}", {"taskId": task, "_meta": meta or DECLARED}, modern=True))


def test_a_client_of_the_extension_gets_a_task_and_polls_it() -> None:
    with Peer("echo") as server:
        found = server.ask(request(0, "server/discover", modern=True))["result"]
        assert found["capabilities"]["extensions"] == {EXTENSION: {}}
        assert ask(server, 1, "get", "nope")["error"]["code"] == -32602  # there has been no call yet
        asked = {"prompt": "one two", "model": "echo-slow-0.2", "background": True}
        task = server.ask(call(2, asked, modern=True, **DECLARED))["result"]
        assert task["resultType"] == "task"
        assert {"taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"} <= task.keys()
        assert "content" not in task
        number, state = 3, task
        while state["status"] == "working":
            number += 1
            state = ask(server, number, "get", task["taskId"])["result"]
            time.sleep(0.02)  # as a client that polls
        assert (state["status"], state["resultType"], state["taskId"]) == ("completed", "complete", task["taskId"])
        assert state["result"]["content"] == [{"type": "text", "text": "one two"}]
        assert state["ttlMs"] >= 3_600_000
        again = server.ask(call(99, {"prompt": "quick"}, modern=True, **DECLARED))["result"]
        assert (again["resultType"], text(again)) == ("complete", "quick")


def test_a_task_of_the_extension_can_be_cancelled() -> None:
    with Peer("echo") as server:
        task = server.ask(call(1, {**SLOW, "background": True}, modern=True, **DECLARED))["result"]["taskId"]
        assert ask(server, 2, "update", task)["result"]["resultType"] == "complete"
        assert ask(server, 3, "get", task)["result"]["status"] == "working"
        assert ask(server, 4, "cancel", task)["result"]["resultType"] == "complete"
        state = ask(server, 5, "get", task)["result"]
        while state["status"] == "working":  # until the work has stopped
            state = ask(server, 5, "get", task)["result"]
        assert state["status"] == "cancelled"
        assert "result" not in state
        for number, method in enumerate(("get", "update", "cancel"), 6):
            assert ask(server, number, method, "nope")["error"]["code"] == -32602
        assert ask(server, 9, "get", 5)["error"]["message"] == "taskId: expected string, got integer"


def test_a_client_without_the_extension_gets_sentences_and_is_told_what_it_lacks() -> None:
    with Peer("echo") as server:
        reply = server.ask(call(1, {**SLOW, "background": True}, modern=True, **MODERN_META))["result"]
        assert (reply["resultType"], reply["isError"]) == ("complete", False)
        assert "Still working" in text(reply)
        error = ask(server, 2, "get", task_id(reply), **MODERN_META)["error"]
        assert error["code"] == -32021
        assert error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        assert server.ask(request(3, "tasks/get", {"taskId": "x"}))["error"]["code"] == -32601  # the legacy era has none


def test_progress_comes_from_the_task_that_a_call_waits_for() -> None:
    with Peer("echo") as server:
        reply = server.ask(call(1, {"prompt": "one two", "model": "echo-slow-0.4", "background": True}))
        server.send(call(2, {"task_id": task_id(reply["result"])}, progressToken="t"))
        first = server.read()
        assert first["method"] == "notifications/progress"
        assert "characters received" in first["params"]["message"]
        messages = [first]
        while "result" not in messages[-1]:
            messages.append(server.read())
        assert text(messages[-1]["result"]) == "one two"


def test_at_the_end_of_stdin_who_waits_is_answered_and_other_tasks_are_stopped() -> None:
    with Peer("echo") as server:
        server.ask(call(1, {**SLOW, "background": True}))
        waited_for = task_id(server.ask(call(2, {"prompt": "x", "model": "echo-slow-0.3", "background": True}))["result"])
        server.send(call(3, {"task_id": waited_for}))
        server.close_stdin()
        assert [text(message["result"]) for message in server.rest()] == ["x"]
        assert server.exit_code() == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no signals")
def test_a_signal_stops_all_tasks() -> None:
    with Peer("echo") as server:
        server.ask(call(1, {**SLOW, "background": True}))
        server.signal(signal.SIGTERM)
        assert server.exit_code(2) == 128 + signal.SIGTERM
