"""Which route is taken, and by when."""

from __future__ import annotations

from datetime import datetime

import pytest

from mcp_models.client.batch.errors import BatchError
from mcp_models.client.batch.route import choose, deadline
from mcp_models.servers import load_provider
from mcp_models.servers.openai_mcp_server import OpenAI

HOUR = 3600.0


@pytest.mark.parametrize(("text", "seconds"), [("90m", 1.5 * HOUR), ("6h", 6 * HOUR), ("2d", 48 * HOUR)])
def test_a_deadline_from_now(text: str, seconds: float) -> None:
    assert deadline(text, 1000.0) == 1000.0 + seconds


def test_a_deadline_at_a_time() -> None:
    assert deadline("2026-11-25T08:00", 0.0) == datetime(2026, 11, 25, 8).timestamp()
    for text in ("soon", "6", "2020-01-01T00:00"):
        with pytest.raises(BatchError, match="--by"):
            deadline(text, 1.7e9)


@pytest.mark.parametrize(
    ("asked", "hours", "route"),
    [
        ("standard", None, "standard"),
        ("flex", 0.1, "flex"),
        ("batch", None, "batch"),
        ("batch", 6, "standard"),
        ("auto", None, "batch"),
        ("auto", 25, "batch"),
        ("auto", 6, "flex"),
        ("auto", 0.5, "standard"),
    ],
)
def test_the_cheapest_route_that_meets_the_deadline(
    asked: str, hours: float | None, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAI, "batch_jobs", lambda self: None, raising=False)
    by = None if hours is None else hours * HOUR
    assert choose(asked, load_provider("openai", {}), by, 0.0) == route


def test_a_budget_keeps_auto_from_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAI, "batch_jobs", lambda self: None, raising=False)
    adapter = load_provider("openai", {"MCP_MODELS_BUDGET": "1 USD/day"})
    assert choose("auto", adapter, None) == "flex"
    assert choose("auto", adapter, 0.5 * HOUR, 0.0) == "standard"


@pytest.mark.parametrize("asked", ["flex", "batch"])
def test_a_route_that_the_provider_lacks_is_an_error(asked: str) -> None:
    with pytest.raises(BatchError, match="use --route standard"):
        choose(asked, load_provider("echo", {}), None)
