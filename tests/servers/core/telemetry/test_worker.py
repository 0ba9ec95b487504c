"""The thread that traces and logs: it holds up nobody, and nothing ends it."""

from __future__ import annotations

import logging
import threading

import pytest

from mcp_models.servers.core.telemetry.worker import MAX_WAITING, Worker


async def test_what_is_handed_over_is_done_in_order_and_a_failure_ends_nothing() -> None:
    done: list[int] = []
    sent = threading.Event()

    def take(item: int) -> None:
        done.append(10 // item)

    worker: Worker[int] = Worker("test", lambda: (take, sent.set))
    for item in (1, 0, 5):
        worker.put(item)
    await worker.flush(5)
    assert done == [10, 2]
    assert sent.is_set()


async def test_what_is_too_much_is_dropped_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    go = threading.Event()

    def start() -> tuple[object, object]:
        go.wait(10)
        return done.append, lambda: None

    worker: Worker[int] = Worker("test", start)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "mcp_models"):
        for item in range(MAX_WAITING + 5):
            worker.put(item)
        await worker.flush(0.05)
    go.set()
    assert [record.message for record in caplog.records] == [
        "test: more comes than can be written, so some of it is lost",
        "test: not all could be sent off in 0.05 s",
    ]


async def test_a_start_that_fails_is_told_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def start() -> tuple[object, object]:
        raise RuntimeError("run `pip install`")

    with caplog.at_level(logging.WARNING, "mcp_models"):
        worker: Worker[int] = Worker("test", start)  # type: ignore[arg-type]
        worker.put(1)
        await worker.flush(5)
    assert [record.message for record in caplog.records] == [
        "test: off, as its start failed with RuntimeError: run `pip install`"
    ]
