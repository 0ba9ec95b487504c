"""All ways to call a model: call, acall, stream and astream, from threads, coroutines, forks and worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client import EchoMCPModel, Model, OpenAIMCPModel, OpenAIModel
from tests.client.left_over import Counts, counts
from tests.fakes.openai import FakeOpenAI
from tests.peer import wait_until
from tests.results import failure

BOTH_WAYS: list[Any] = [OpenAIMCPModel, OpenAIModel]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[Counts]:
    before = counts()
    yield before
    wait_until(lambda: counts().within(before), 5)


def slow(fake: FakeOpenAI, pause: float = 0.05) -> None:
    """Make the fake send an answer that never ends, piece by piece."""
    from tests.fakes.openai import stream

    fake.script(stream(fake.ticks(), pause=pause))


@pytest.fixture(params=BOTH_WAYS)
def model(request: pytest.FixtureRequest, openai: FakeOpenAI) -> Iterator[Model]:
    """A model for the same provider, once through MCP and once inside this process."""
    with request.param("gpt-x") as model:
        yield model


async def test_acall_gives_what_call_gives(model: Model) -> None:
    def same(result: Any) -> dict[str, Any]:
        return {name: value for name, value in result.items() if name != "latency_ms"}

    assert same(await model.acall("Hello?")) == same(await asyncio.to_thread(model.call, "Hello?"))


async def test_call_works_within_a_running_loop(model: Model) -> None:
    assert model.call("Hello?")["output"] == "Hello from the fake."


async def test_many_coroutines_at_once() -> None:
    async with EchoMCPModel("echo-slow-0.5") as model:
        started = time.monotonic()
        answers = await asyncio.gather(*(model.acall(f"p{n}") for n in range(200)))
        assert time.monotonic() - started < 5
    assert [answer["output"] for answer in answers] == [f"p{n}" for n in range(200)]


async def test_a_cancelled_acall_stops_the_provider(model: Model, openai: FakeOpenAI) -> None:
    slow(openai)
    call = asyncio.create_task(model.acall("Hello?"))
    await asyncio.to_thread(openai.arrived.acquire, timeout=5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(openai.disconnected.wait, 2)
    assert (await model.acall("Hello?"))["output"] == "Hello from the fake."


async def test_an_acall_that_is_cancelled_while_its_server_starts_leaves_no_work(openai: FakeOpenAI) -> None:
    slow(openai)
    async with OpenAIMCPModel("gpt-x") as warm:
        call = asyncio.create_task(warm.acall("Hello?"))
        await asyncio.sleep(0)  # by now the start has been handed to a thread
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(wait_until, lambda: not warm.in_flight, 5)


def test_a_stream_yields_pieces_as_they_come_and_the_result(model: Model) -> None:
    stream = model.stream("Hello?")
    with pytest.raises(RuntimeError, match="read it to its end"):
        _ = stream.result
    assert list(stream) == ["Hello", " from", " the", " fake."]
    assert stream.result["output"] is not None
    assert (stream.result["output"], stream.result["stop_reason"]) == ("Hello from the fake.", "end_turn")


def test_a_piece_is_there_before_the_answer_is(model: Model, openai: FakeOpenAI) -> None:
    slow(openai)
    stream = model.stream("Hello?")
    assert [next(stream), next(stream)] == ["tick", "tick"]
    stream.close()
    assert openai.disconnected.wait(2)


async def test_astream_does_the_same(model: Model, openai: FakeOpenAI) -> None:
    whole = model.astream("Hello?")
    assert [piece async for piece in whole] == ["Hello", " from", " the", " fake."]
    assert whole.result["output"] == "Hello from the fake."
    slow(openai)
    stream = model.astream("Hello?")
    assert await anext(stream) == "tick"
    await stream.aclose()
    assert await asyncio.to_thread(openai.disconnected.wait, 2)


def test_a_stream_that_fails_ends_with_the_failure(model: Model, openai: FakeOpenAI) -> None:
    openai.script(openai.error(401, "No."))
    stream = model.stream("Hello?")
    assert list(stream) == []
    assert stream.result["output"] is None
    assert stream.result["error_type"] == "authentication"


def test_a_result_is_json(model: Model) -> None:
    result = model.call("Hello?")
    assert json.loads(json.dumps(result)) == result


def test_progress_of_a_call() -> None:
    seen: list[dict[str, Any]] = []
    with EchoMCPModel("echo-slow-1") as model:
        model.call("a b c d", on_progress=seen.append)
    assert [one["progress"] for one in seen] == sorted({one["progress"] for one in seen}) != []


def test_a_callback_that_asks_a_model_is_told_so_and_blocks_nobody() -> None:
    with EchoMCPModel("echo-slow-1") as model:
        with pytest.raises(RuntimeError, match="ask a model from another one"):
            model.call("x", on_progress=lambda params: print(model.call("inner")))
        assert model.call("y")["output"] == "y"


def test_the_timeout_of_a_model_and_of_a_call(openai: FakeOpenAI) -> None:
    with OpenAIMCPModel("gpt-x", timeout=0.3) as model:
        for own in (None, 0.4):
            slow(openai)
            result = failure(model.call("Hello?") if own is None else model.call("Hello?", timeout=own))
            assert result["error_type"] == "timeout"
            assert f"{own or 0.3} s" in result["error"]


WORKERS = """
import multiprocessing, sys
from mcp_models.client import EchoMCPModel

def ask(model):
    return model.call("from a worker")["output"]

if __name__ == "__main__":
    with EchoMCPModel() as model:
        answers = [ask(model)]
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            answers += pool.map(ask, [model] * 4)
            pool.close()
            pool.join()
        answers.append(ask(model))
    assert answers == ["from a worker"] * 6, answers
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_the_workers_of_multiprocessing(method: str, tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(tmp_path / "workers.py"), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_other_threads_start_and_call() -> None:
    """The child does not wait for a lock that a thread of the parent held."""
    with EchoMCPModel() as model, ThreadPoolExecutor(4) as pool:
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                model.call("x")
                model.close()

        working = [pool.submit(work) for _ in range(4)]
        codes = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    code = 0 if model.call("child")["output"] == "child" else 2
                    model.close()
                finally:
                    os._exit(code)
            codes.append(_exit_code(pid, 10))
        stop.set()
        for each in working:
            assert each.exception(10) is None or "closed" in str(each.exception(10))
    assert codes == [0] * 20


def _exit_code(pid: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return -1


def test_a_model_can_be_pickled_and_its_copy_has_a_server_of_its_own_accord() -> None:
    with EchoMCPModel("echo") as model:
        copy = pickle.loads(pickle.dumps(model))
        assert copy.call("x")["output"] == "x"
        copy.close()


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, **options)


def test_the_interpreters_end_ends_the_server_whatever_it_does() -> None:
    code = """
import threading
from mcp_models.client import EchoMCPModel
model = EchoMCPModel("echo-slow-60")
threading.Thread(target=model.call, args=("x",), daemon=True).start()
import time
while not model.in_flight: time.sleep(0.01)
print(model.server.pid)
"""
    started = time.monotonic()
    done = run(code)
    assert done.returncode == 0
    assert "the session was closed" in done.stderr  # this is the error that the thread got
    assert time.monotonic() - started < 5
    assert not Path(f"/proc/{done.stdout.strip()}").exists()


def test_a_parent_that_is_killed_leaves_no_server_and_no_request(openai: FakeOpenAI) -> None:
    slow(openai)
    code = """
import threading
from mcp_models.client import OpenAIMCPModel
model = OpenAIMCPModel("gpt-x")
model.start()
print(model.server.pid, flush=True)
model.call("x")
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent.stdout:
        server = int(parent.stdout.readline())
        assert openai.arrived.acquire(timeout=10)
        parent.kill()
        parent.wait(5)
        wait_until(lambda: not _runs(server), 1)
    assert openai.disconnected.wait(1)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_an_acall_of_a_running_server_begins_in_the_loops_own_thread(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    await model.acall("Hello?")
    monkeypatch.setattr("mcp_models.client.pending_call._executor", None)
    assert (await model.acall("Hello?"))["output"] == "Hello from the fake."


async def test_what_no_json_can_hold_is_a_type_error_and_leaves_nothing() -> None:
    with EchoMCPModel() as model:
        prompt: Any = b"no text"
        with pytest.raises(TypeError, match="bytes"):
            model.call(prompt)
        with pytest.raises(TypeError, match="bytes"):
            await model.acall(prompt)
        assert model.server.in_flight == 0
        assert model.call("x")["output"] == "x"
