"""Show what `mcp-models usage` prints, and take a picture of its page, of a made-up month that is the same every time.

`python -m tests.documents.usage` takes the picture anew. It needs Chromium.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from mcp_models.client.commands import usage_text
from mcp_models.client.usage import period, queries
from mcp_models.client.usage.report import By
from mcp_models.servers.core.ledger.budget import Budget, parse_budget
from mcp_models.servers.core.ledger.sqlite_store import SQLiteStore
from mcp_models.servers.core.ledger.store import Store
from tests.checkout import ROOT
from tests.client.usage.rows import NOON, month

PICTURE = ROOT / "docs" / "img" / "usage.png"
BUDGET = "5 USD/day, 50 USD/month per provider, 200 calls/hour"
LEDGER = "~/.local/state/mcp-models/ledger.sqlite3"

_WIDTH = 100


class _AtNoon(SQLiteStore):
    """A ledger on the same day every time."""

    def now(self) -> float:
        return NOON


@contextmanager
def ledger() -> Iterator[Store]:
    """Open a ledger with the made-up month in it."""
    with tempfile.TemporaryDirectory() as folder:
        store = _AtNoon(str(Path(folder) / "ledger.sqlite3"))
        store.write(month(), [])
        yield store
        store.close()


def output() -> str:
    """Return what the command prints in a terminal, as Markdown."""
    with ledger() as store:
        days = _printed(store, "day", "7d", parse_budget(BUDGET))
        models = _printed(store, "model", "30d", None)
    return f'```console\n$ export MCP_MODELS_BUDGET="{BUDGET}"\n$ mcp-models usage --since 7d\n{days}```\n\n' + (
        f"```console\n$ mcp-models usage --by model\n{models}```\n"
    )


def page_text() -> str:
    """Return the page with charts."""
    from mcp_models.client.usage.page import page

    with ledger() as store:
        return page(store, queries.report(store, "day", period.begin("30d", NOON), parse_budget(BUDGET)), LEDGER)


def picture() -> bytes:
    """Return a picture of the page, as PNG."""
    from tests.chromium import Chromium

    with tempfile.TemporaryDirectory() as folder, Chromium() as browser:
        path = Path(folder) / "usage.html"
        path.write_text(page_text(), encoding="utf-8")
        browser.open(path)
        return browser.png()


def _printed(store: Store, by: By, since: str, budget: Budget | None) -> str:
    console = Console(width=_WIDTH, file=io.StringIO(), highlight=False, markup=False, no_color=True)
    usage_text.print_tables(queries.report(store, by, period.begin(since, NOON), budget), console)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    return "\n".join(line for line in lines if line) + "\n"


if __name__ == "__main__":
    PICTURE.write_bytes(picture())
