"""Define `mcp-models usage`: what was spent, on what, and what is left of the budget."""

from __future__ import annotations

import os
import time

import click

from mcp_models.client.atomic_file import write_atomically
from mcp_models.client.commands import terminal, usage_text
from mcp_models.client.usage import ledger, period, queries
from mcp_models.client.usage.report import By, Report
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.budget import parse_budget
from mcp_models.servers.core.ledger.store import Store
from mcp_models.servers.core.ledger.target import Target
from mcp_models.servers.core.settings import BUDGET_VARIABLE

EXIT_UNREADABLE = 1


def _begin(context: click.Context, parameter: click.Parameter, value: str) -> float:
    try:
        return period.begin(value, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command(
    "usage", epilog="Examples: mcp-models usage; mcp-models usage --by model --since 7d; mcp-models usage --html usage.html"
)
@click.option("--by", type=click.Choice(list(queries.KEYS)), default="day", show_default=True, help="What each line is for.")
@click.option(
    "--since",
    default="30d",
    show_default=True,
    callback=_begin,
    metavar="WHEN",
    help="24h, 7d, 2w, or a date such as 2026-11-01, in UTC. 7d is today and the six days before.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the lines as CSV.")
@click.option("--html", metavar="FILE", type=click.Path(dir_okay=False), help="Write a page with charts.")
def command(by: By, since: float, as_json: bool, as_csv: bool, html: str | None) -> None:
    """Show what was spent, on what, and what is left of the budget.

    The numbers come from the ledger, to which each call through a server, a model or `mcp-models complete` adds a row.
    MCP_MODELS_LEDGER says where it is, and MCP_MODELS_BUDGET what may be spent. Days and times are those of UTC.

    Exit codes: 0 if the ledger was read, 1 if it cannot be read, 2 if the command line makes no sense.
    """
    if as_json + as_csv + (html is not None) > 1:
        raise click.UsageError("--json, --csv and --html exclude each other.")
    try:
        budget = parse_budget(os.environ.get(BUDGET_VARIABLE, ""))
        with ledger.opened(os.environ) as (store, target):
            report = queries.report(store, by, since, budget)
            if html is not None:
                _write_page(html, report, store, target)
                return
            if not report.total.calls and not report.total.errors:
                click.echo(_nothing(store, target, since), err=True)
    except (ConfigurationError, ledger.LedgerError) as error:
        click.echo(terminal.visible(f"mcp-models: {error}"), err=True)
        raise SystemExit(EXIT_UNREADABLE) from error
    _print(report, as_json, as_csv)


def _print(report: Report, as_json: bool, as_csv: bool) -> None:
    if as_json:
        click.echo(usage_text.as_json(report))
    elif as_csv:
        click.echo(usage_text.as_csv(report), nl=False)
    elif not terminal.on_terminal():
        terminal.print_rows((), usage_text.lines(report))
    else:
        usage_text.print_tables(report, terminal.console())


def _nothing(store: Store, target: Target, since: float) -> str:
    if queries.is_empty(store):
        return f"mcp-models: the ledger {target} is empty. {ledger.HOW_ROWS_COME}."
    return f"mcp-models: no calls since {period.in_words(since)}: --since takes an earlier time."


def _write_page(path: str, report: Report, store: Store, target: Target) -> None:
    """Write the page with charts.

    Raises:
        LedgerError: What it needs is not installed, or the file cannot be written.
    """
    try:
        from mcp_models.client.usage.page import page
    except ImportError as error:
        raise ledger.LedgerError(f'--html needs {error.name}: run `pip install "mcp-models[charts]"`.') from error
    try:
        write_atomically(os.path.realpath(path), page(store, report, str(target)).encode())
    except OSError as error:
        raise ledger.LedgerError(f"{path} cannot be written: {error.strerror}. Name another file.") from error
