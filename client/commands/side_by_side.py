"""Ask several models the same, for `mcp-models complete --with`, and show their answers side by side as they come."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from mcp_models.client.attempt import answer
from mcp_models.client.commands.providers import named_provider, stored_key
from mcp_models.client.commands.terminal import console, on_terminal, visible
from mcp_models.client.mcp_model import MCPModel
from mcp_models.client.usage.words import count, dollars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, RenderableType
    from rich.text import Text

    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.model import Model

NARROWEST = 36
"""How many characters wide a column is at least. If the terminal has no room for all, they stand below each other."""

REFRESHES_PER_SECOND = 8


class Column:
    """What one model says.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.result: CompletionResult | None = None
        self._pieces: list[str] = []
        self._began, self._ended = time.monotonic(), 0.0

    async def ask(self, arguments: Mapping[str, Any]) -> None:
        """Ask the model, and collect its text."""
        self._began = time.monotonic()
        try:
            self.result = await answer(self.model, arguments, on_text=self._pieces.append)
        finally:
            self._ended = time.monotonic()

    def title(self) -> str:
        """Return the provider and the model, as the provider calls it once it has answered."""
        name = self.model.model_name if self.result is None else self.result["model"]
        return f"{self.model.provider}/{name}" if name else self.model.provider

    def text(self) -> str:
        """Return the text so far, and at the end the answer, or what went wrong."""
        if self.result is None:
            return "".join(self._pieces)
        if self.result["output"] is not None:
            return self.result["output"]
        return "\n\n".join(part for part in (self.result["partial"], self.result["error"]) if part)

    def footer(self) -> str:
        """Return the time, the tokens and the price, or the type of the failure."""
        seconds = f"{(self._ended or time.monotonic()) - self._began:.1f} s"
        if self.result is None:
            return f"{seconds} · stopped" if self._ended else seconds
        if self.result["output"] is None:
            return f"{seconds} · {self.result['error_type']}"
        cost = self.result["cost_usd"]
        price = "price unknown" if cost is None else dollars(cost)
        return f"{seconds} · {count(self.result['tokens_used'])} tokens · {price}"

    def block(self) -> str:
        """Return the answer as plain text."""
        return f"[{self.title()}]\n{self.text()}\n({self.footer()})\n"


def side_by_side(names: str, arguments: Mapping[str, Any], as_json: bool, stream: bool) -> list[CompletionResult]:
    """Ask the models, show their answers, and return the results. Ctrl-C stops all of them at their providers.

    Args:
        names: The models, as `PROVIDER[/MODEL],…`.
        arguments: The arguments of `Model.acall`.
        as_json: Whether to print a list of the whole results instead.
        stream: Whether to show the text as it comes, in a terminal.

    Raises:
        click.UsageError: There is no such provider.
        KeyStoreError: A key is stored but cannot be read.
    """
    with ExitStack() as closing:
        columns = [Column(_model(name)) for name in names.split(",")]
        for column in columns:
            closing.callback(column.model.close)
        if as_json:
            asyncio.run(_ask_all(columns, arguments))
            text = json.dumps([column.result for column in columns], indent=2, ensure_ascii=False)
            click.echo(visible(text) if on_terminal() else text)
        elif on_terminal():
            _ask_in_terminal(columns, arguments, stream)
        else:
            asyncio.run(_ask_and_print(columns, arguments))
    return [column.result for column in columns if column.result is not None]


def _model(name: str) -> MCPModel:
    word, _, model = name.strip().partition("/")
    if not word:
        raise click.UsageError("--with takes models with a comma between them: openai,anthropic/opus,ollama.")
    provider = named_provider(word)
    return MCPModel(provider, model or None, provider, env=stored_key(provider))


async def _ask_all(columns: Sequence[Column], arguments: Mapping[str, Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for column in columns:
            group.create_task(column.ask(arguments))


async def _ask_and_print(columns: Sequence[Column], arguments: Mapping[str, Any]) -> None:
    """Print each answer as a block, in the order of the models, as soon as it and those before it are complete."""
    tasks = [asyncio.create_task(column.ask(arguments)) for column in columns]
    printed = 0
    try:
        for column, task in zip(columns, tasks, strict=True):
            await task
            click.echo(column.block())
            printed += 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for column in columns[printed:]:
            click.echo(column.block())


def _ask_in_terminal(columns: Sequence[Column], arguments: Mapping[str, Any], stream: bool) -> None:
    """Show the ends of the texts while they grow, and at the end all of each."""
    from rich.live import Live

    screen = console()
    try:
        if not stream:
            asyncio.run(_ask_all(columns, arguments))
            return
        live = Live(
            get_renderable=lambda: _grid(columns, screen, screen.height - 1),
            console=screen,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )
        with live:
            asyncio.run(_ask_all(columns, arguments))
    finally:
        screen.print(_grid(columns, screen, None))


def _grid(columns: Sequence[Column], screen: Console, height: int | None) -> RenderableType:
    """Return the columns, as many side by side as the terminal is wide enough for.

    Args:
        columns: The columns.
        screen: The terminal.
        height: How many lines there are. Of a longer text, the end is shown. None means that all is shown.
    """
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    abreast = max(1, min(len(columns), screen.width // NARROWEST))
    rows = -(-len(columns) // abreast)
    width = screen.width // abreast
    lines = None if height is None else max(1, height // rows - 2)
    table = Table.grid(expand=True)
    for _ in range(abreast):
        table.add_column(ratio=1)
    for start in range(0, len(columns), abreast):
        row = [
            Panel(
                _end_of(column, screen, width - 4, lines),
                title=Text(visible(column.title())),
                title_align="left",
                subtitle=Text(visible(column.footer())),
                subtitle_align="left",
            )
            for column in columns[start : start + abreast]
        ]
        table.add_row(*row)
    return table


def _end_of(column: Column, screen: Console, width: int, lines: int | None) -> Text:
    """Return the text, or as much of its end as fits."""
    from rich.text import Text

    if lines is None:
        return Text(visible(column.text()), overflow="fold")
    end = Text(visible(column.text()[-width * lines :]), overflow="fold")
    return Text("\n").join(end.wrap(screen, width, overflow="fold")[-lines:])
