"""Make a page with charts: one file of HTML that needs no network and runs no script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from mcp_models.client.usage import charts, queries
from mcp_models.client.usage.period import in_words
from mcp_models.client.usage.report import CapUse, Group, Report
from mcp_models.client.usage.words import cap_in_words, count, dollars, sums_in_words
from mcp_models.servers.core.ledger.store import Store

SUM_HEADS = ("calls", "errors", "tokens in", "tokens out", "cost", "cache saved", "unknown cost")


class Table(Struct, frozen=True):
    """A table. The first column has names, the others amounts."""

    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]


class Figure(Struct, frozen=True):
    """A chart, with the numbers behind it as a table.

    Attributes:
        id: Its id in the page.
        title: Its heading.
        svg: The picture. None if there is nothing to draw.
        table: The numbers.
        nothing: What stands in its place if there is nothing to draw.
    """

    id: str
    title: str
    svg: Markup | None
    table: Table
    nothing: str


def page(store: Store, report: Report, ledger: str) -> str:
    """Return a page on the period of a report.

    Args:
        store: The ledger.
        report: The report.
        ledger: Where the ledger is, for people.

    Raises:
        StoreError: The database cannot be used.
    """
    environment = Environment(
        loader=PackageLoader("mcp_models.client.usage", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tables = [
        (f"By {by}", _groups_table(by, queries.groups(store, queries.KEYS[by], report.since, queries.DEAREST_FIRST)))
        for by in ("model", "provider", "host")
    ]
    return environment.get_template("page.html.jinja").render(
        since=in_words(report.since),
        until=in_words(report.until),
        ledger=ledger,
        totals=list(zip(SUM_HEADS, sums_in_words(report.total), strict=True)),
        budget=[(*cap_in_words(use), _part(use)) for use in report.budget or ()],
        figures=_figures(store, report),
        tables=tables,
        colors=range(charts.MOST_MODELS),
    )


def _figures(store: Store, report: Report) -> list[Figure]:
    days = queries.groups(store, ("day",), report.since, "day")
    costs = queries.cost_by_day_and_model(store, report.since)
    slow = queries.latencies(store, report.since, charts.MOST_MODELS)
    failed = queries.errors(store, report.since)
    periods = periods_of(days, report.until)
    each = "a day" if periods and len(periods[0]) > 7 else "a month"
    has_tokens = any(day.sums.input_tokens + day.sums.output_tokens for day in days)
    return [
        Figure(
            "spend",
            f"Spend {each} by model",
            Markup(charts.spend(costs, periods)) if costs else None,
            Table(("day", "model", "cost"), [(one.day, f"{one.provider}/{one.model}", dollars(one.cost_usd)) for one in costs]),
            "No call has cost anything.",
        ),
        Figure(
            "tokens",
            f"Tokens {each}",
            Markup(charts.tokens(days, periods)) if has_tokens else None,
            _groups_table("day", days),
            "There are no tokens.",
        ),
        Figure(
            "latency",
            "Latency percentiles by model",
            Markup(charts.latencies(slow)) if slow else None,
            Table(("model", "calls", "p50", "p95", "p99", "longest"), [_latency(one) for one in slow]),
            "No call was answered.",
        ),
        Figure(
            "errors",
            "Errors by type",
            Markup(charts.errors(failed)) if failed else None,
            Table(("type", "errors"), [(one.error_type, count(one.errors)) for one in failed]),
            "No call failed.",
        ),
    ]


def periods_of(days: list[Group], until: float) -> list[str]:
    """Return the days from the first with a call until the end, or the months if those are too many."""
    if not days:
        return []
    first, last = datetime.fromisoformat(days[0].key[0]), datetime.fromtimestamp(until, UTC)
    last = max(last.replace(tzinfo=None), datetime.fromisoformat(days[-1].key[0]))
    number = (last - first).days + 1
    found = [f"{first + timedelta(days=day):%Y-%m-%d}" for day in range(number)]
    return found if number <= charts.MOST_DAYS else list(dict.fromkeys(day[:7] for day in found))


def _groups_table(by: str, groups: list[Group]) -> Table:
    return Table((by, *SUM_HEADS), [(group.name, *sums_in_words(group.sums)) for group in groups])


def _latency(line: queries.Latency) -> tuple[str, ...]:
    times = (line.p50_ms, line.p95_ms, line.p99_ms, line.max_ms)
    return (f"{line.provider}/{line.model}", count(line.calls), *(f"{time / 1000:,.2f} s" for time in times))


def _part(use: CapUse) -> float:
    """Return how much of a cap is used, from 0 to 1."""
    return min(1.0, (use.spent + use.reserved) / use.amount) if use.amount else 1.0
