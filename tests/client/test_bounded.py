"""Work that is waited for, but not for ever."""

from __future__ import annotations

import threading

import pytest

from mcp_models.client.bounded import within


def test_its_result_is_returned_and_its_error_raised() -> None:
    assert within(5, lambda: "done") == "done"
    assert within(5, lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


def test_work_that_does_not_end_is_given_up() -> None:
    end = threading.Event()
    with pytest.raises(TimeoutError, match=r"more than 0\.05 s"):
        within(0.05, end.wait)
    end.set()
