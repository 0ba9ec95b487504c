"""Print a report on usage: as tables with bars in a terminal, as lines with tabs in a pipe, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_models.client.commands.terminal import visible
from mcp_models.client.usage.period import in_words
from mcp_models.client.usage.queries import KEYS
from mcp_models.client.usage.report import CapUse, Group, Report, Sums
from mcp_models.client.usage.words import cap_in_words, short, sums_in_words
from mcp_models.servers.core.ledger.row import iso

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

HEADS = ("calls", "errors", "tokens\nin", "tokens\nout", "cost", "cache\nsaved", "cost\nunknown")
BUDGET_HEADS = ("budget", "for", "spent", "reserved", "left", "frees at")
BAR_WIDTH = 14
DEAR, CHEAP = "red", "cyan"


def lines(report: Report) -> list[tuple[str, ...]]:
    """Return the report for a pipe: the fields of each group, of the total, and of each cap."""
    groups = [(group.name, *sums_in_words(group.sums)) for group in report.groups]
    total = ("total", *sums_in_words(report.total))
    return [*groups, total, *(("budget", *cap_in_words(use)) for use in report.budget or ())]


def print_tables(report: Report, console: Console) -> None:
    """Print the report as tables with bars."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        show_footer=True,
        caption=_caption(report),
        caption_justify="left",
    )
    table.add_column(report.by, footer="total", overflow="fold")
    for head, total in zip(HEADS, sums_in_words(report.total, short), strict=True):
        table.add_column(head, footer=total, justify="right", no_wrap=True)
        if head == "cost":
            table.add_column("", min_width=BAR_WIDTH)
    most = max((_weight(report, group) for group in report.groups), default=0)
    for group in report.groups:
        fields: list[RenderableType] = [Text(visible(group.name)), *map(Text, sums_in_words(group.sums, short))]
        fields.insert(HEADS.index("cost") + 2, _bar(_weight(report, group), most, CHEAP))
        table.add_row(*fields)
    console.print(table)
    if report.budget is not None:
        _print_budget(report.budget, console)


def _print_budget(budget: list[CapUse], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for head in BUDGET_HEADS:
        table.add_column(
            head,
            justify="right" if head in ("spent", "reserved", "left") else "left",
            overflow="fold",
            no_wrap=head != "budget",
        )
    table.add_column("", min_width=BAR_WIDTH)
    for use in budget:
        taken = min(use.spent + use.reserved, use.amount)
        bar = _bar(taken, use.amount, DEAR if use.left < use.amount / 10 else CHEAP)
        _, *fields = cap_in_words(use)
        table.add_row(*(Text(visible(field)) for field in (_each(use.cap), *fields)), bar)
    console.print(table)


def _each(cap: str) -> str:
    """Return a cap without whom it is for each, which the next column says."""
    return re.split(r" per (?:provider|host)$", cap, flags=re.IGNORECASE)[0]


def _caption(report: Report) -> str:
    words = f"since {in_words(report.since)}; days are those of UTC"
    if report.total.calls_of_unknown_cost:
        words += "; calls of unknown cost are missing from the cost"
    return words


def _weight(report: Report, group: Group) -> float:
    """Return what the bars compare: the cost, or the calls if nothing cost anything."""
    return max(group.sums.cost_usd or 0.0, 0.0) if report.total.cost_usd else group.sums.calls


def _bar(part: float, whole: float, color: str) -> RenderableType:
    from rich.bar import Bar

    return Bar(whole or 1, 0, part, width=BAR_WIDTH, color=color)


def as_json(report: Report) -> str:
    """Return the report as a JSON object."""
    content = {
        "since": iso(report.since),
        "until": iso(report.until),
        "by": report.by,
        "rows": _records(report),
        "total": msgspec.to_builtins(report.total),
        "budget": None if report.budget is None else [_budget_record(use) for use in report.budget],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def as_csv(report: Report) -> str:
    """Return the groups as CSV, with a line of heads. An amount that is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*KEYS[report.by], *Sums.__struct_fields__], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_records(report))
    return text.getvalue()


def _records(report: Report) -> list[dict[str, Any]]:
    return [
        {**dict(zip(KEYS[report.by], group.key, strict=True)), **msgspec.to_builtins(group.sums)} for group in report.groups
    ]


def _budget_record(use: CapUse) -> dict[str, Any]:
    return {**msgspec.to_builtins(use), "frees_at": iso(use.frees_at)}
