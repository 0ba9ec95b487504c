"""Models with the same command and environment share a server process, which ends with its last user."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from mcp_models.client import EchoMCPModel, MCPModel, ServerExitedError
from mcp_models.client.server_pool import POOL
from tests.peer import wait_until
from tests.results import failure


def pid(model: MCPModel) -> int:
    model.start()
    assert model.server.pid is not None
    return model.server.pid


def gone(number: int) -> bool:
    return not Path(f"/proc/{number}").exists()


def test_two_models_share_a_server_until_both_have_left() -> None:
    one, other = EchoMCPModel("echo"), EchoMCPModel("echo-slow-0.1")
    assert (one.call("a")["output"], other.call("b")["output"]) == ("a", "b")
    server = pid(one)
    assert pid(other) == server
    one.close()
    assert not gone(server)
    assert other.call("c")["output"] == "c"
    other.close()
    wait_until(lambda: gone(server), 3)
    assert len(POOL) == 0


def test_a_model_that_was_closed_can_be_used_again() -> None:
    with EchoMCPModel() as model:
        model.call("a")
        model.close()
        assert model.call("b")["output"] == "b"


def test_another_environment_has_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with EchoMCPModel() as one, EchoMCPModel(env={"MODEL_DEFAULT": "echo-empty"}) as other:
        assert pid(one) != pid(other)
        assert failure(other.call("x"))["error_type"] == "empty_output"
        monkeypatch.setenv("MODEL_DEFAULT", "echo")
        with EchoMCPModel() as third:
            assert pid(third) not in (pid(one), pid(other))


def test_a_server_that_crashed_is_started_again_for_all_its_users() -> None:
    with EchoMCPModel() as one, EchoMCPModel() as other:
        before = pid(one)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: gone(before), 3)
        assert other.call("x")["output"] == one.call("x")["output"] == "x"
        assert pid(one) == pid(other) != before


def test_a_model_that_nobody_closes_gives_its_seat_up() -> None:
    model = EchoMCPModel()
    model.call("x")
    server = pid(model)
    del model
    gc.collect()
    wait_until(lambda: gone(server), 3)
    assert len(POOL) == 0


def test_models_that_are_garbage_in_a_cycle_block_nobody() -> None:
    """A garbage collection may happen at any moment, even while this thread is taking a lease."""
    code = """
import gc
from mcp_models.client import EchoMCPModel
gc.set_threshold(20, 1, 1)
for i in range(300):
    model = EchoMCPModel(env={"N": str(i)})
    model.itself = model
    model.server
    del model
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_the_key_of_a_shared_session_shows_no_secret() -> None:
    with EchoMCPModel(env={"X_API_KEY": "made-up-secret-0123"}) as model:
        model.start()
        assert "made-up-secret" not in repr(vars(POOL))


def test_a_server_is_started_again_in_the_folder_it_began_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with EchoMCPModel() as model:
        first = pid(model)
        monkeypatch.chdir("/")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: gone(first), 3)
        model.call("x")
        assert os.readlink(f"/proc/{pid(model)}/cwd") == str(tmp_path)


def test_what_no_environment_can_hold_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="expected a string for N, got int"):
        EchoMCPModel(env=cast("Any", {"N": 1}))
    with pytest.raises(ValueError, match="start_timeout"):
        EchoMCPModel(start_timeout=float("nan")).start()


def test_closing_one_model_ends_its_own_calls_and_not_the_others() -> None:
    import threading

    one, other = EchoMCPModel("echo-slow-30"), EchoMCPModel("echo-slow-0.5")
    failures: list[Any] = []

    def wait() -> None:
        try:
            one.call("x")
        except ServerExitedError as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: one.in_flight)
    answer: list[Any] = []
    asking = threading.Thread(target=lambda: answer.append(other.call("y")))
    asking.start()
    wait_until(lambda: other.in_flight)
    one.close()
    thread.join(2)
    asking.join(3)
    assert "the model was closed" in str(failures[0])
    assert answer[0]["output"] == "y"
    other.close()
