"""Fake a model in this process, for tests of the batch."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp_models.client.batch.cap import Cap
from mcp_models.client.batch.input import Source, read_rows
from mcp_models.client.batch.pace import Pace
from mcp_models.client.batch.reader import Reader
from mcp_models.client.batch.run import BatchRun
from mcp_models.client.batch.store import Store
from mcp_models.client.batch.summary import Summary
from mcp_models.client.completion_result import CompletionResult
from mcp_models.client.model import Model
from mcp_models.client.tool_result import read_tool_result
from mcp_models.servers import load_provider


def succeeded(text: str, **record: Any) -> CompletionResult:
    """Return an answer that took two tokens."""
    meta = {"mcp-models/completion": {"tokens_used": 2, "cost_usd": 0.0, **record}}
    return read_tool_result({"content": [{"type": "text", "text": text}], "_meta": meta}, "fake", "")


def failed(error_type: str, **details: Any) -> CompletionResult:
    """Return a failure."""
    meta = {"mcp-models/error": {"type": error_type, "message": f"{error_type}!", **details}}
    return read_tool_result({"content": [], "isError": True, "_meta": meta}, "fake", "")


class FakeModel(Model):
    """A model that answers as it is told.

    Args:
        replies: For a prompt, what to answer one after the other. Then it answers with the prompt.

    Attributes:
        asked: How often each prompt was asked.
        called: Called before each answer.
        most: The most calls in flight at once.
    """

    def __init__(self, **replies: list[CompletionResult]) -> None:
        super().__init__("fake", "")
        self.asked: Counter[str] = Counter()
        self.in_flight = self.most = 0
        self.called: Callable[[str], None] = lambda prompt: None
        self._replies = replies

    async def acall(self, prompt: str, *arguments: Any, **options: Any) -> CompletionResult:
        """Answer after a moment."""
        self.asked[prompt] += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        self.called(prompt)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        replies = self._replies.get(prompt)
        return replies.pop(0) if replies else succeeded(prompt)


def write(path: Path, *rows: Any) -> Path:
    """Write a JSONL file. A string is written as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def outcome(path: Path) -> dict[Any, str]:
    """Return each row's answer or type of error, by its id."""
    found = {}
    for line in map(json.loads, path.read_text().splitlines()):
        assert line["id"] not in found
        found[line["id"]] = line["output"] or line["error_type"]
    return found


async def run(folder: Path, model: Model, /, **options: Any) -> tuple[Summary, list[str]]:
    """Run a batch over `in.jsonl` to `out.jsonl`, and return its summary and what it said."""
    said: list[str] = []
    prepared = prepare(folder, model, said, **options)
    try:
        await prepared.run()
    finally:
        prepared.store.close()
    return prepared.summary, said


class Prepared(BatchRun):
    """A run with its store."""

    store: Store


def prepare(
    folder: Path,
    model: Model,
    said: list[str],
    /,
    *,
    provider: str = "echo",
    most: float | None = None,
    retry_failed: bool = False,
    concurrency: int = 4,
    tier: str | None = None,
    **arguments: Any,
) -> Prepared:
    """Return a run that has not begun."""
    store = Store(str(folder / "out.jsonl"), "the same", retry_failed)
    totals = store.journal.totals()
    summary = Summary(totals.done, totals.failed, tokens=totals.tokens, spent=totals.spent)
    adapter = load_provider(provider, {"OPENAI_API_KEY": "made-up"})
    cap = Cap(adapter, most)
    cap.spent = totals.spent
    source = Source(str(folder / "in.jsonl"), provider, tuple(adapter.service_tiers), arguments)
    reader = Reader(read_rows(source), cap.price)
    prepared = Prepared(model, reader, store, Pace(concurrency), cap, summary, tier, said.append)
    prepared.store = store
    return prepared
