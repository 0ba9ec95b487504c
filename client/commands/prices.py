"""Define `mcp-models prices`: say which price list counts, how new it is, and how many models it has a price for."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mcp_models.client.commands.complete import EXIT_CODES
from mcp_models.client.commands.providers import named_provider
from mcp_models.client.commands.terminal import print_rows, visible
from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import price_list
from mcp_models.servers.core.price_list import PRICES_VARIABLE, BadListError

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

    from mcp_models.servers.core.provider import Provider

HEADS = ("provider", "models", "tiers", "corrected by us", "newest price")
AMOUNTS = (1, 3)

EXAMPLES = """
\b
Examples:
  mcp-models prices
  mcp-models prices openai --json
  mcp-models prices --load data.json
"""


@click.command("prices", epilog=EXAMPLES)
@click.argument("providers", nargs=-1, metavar="[PROVIDER]…")
@click.option("--load", "file", metavar="FILE", help="Check a newer list, and show that one.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(providers: tuple[str, ...], file: str | None, as_json: bool) -> None:
    """Show the price list: where it comes from, and what it has for each PROVIDER. Without PROVIDER, for all.

    The list is that of the package genai-prices, or the file that MCP_MODELS_PRICES names. Such a file is `data.json` from
    github.com/pydantic/genai-prices, in prices/new_data/v2. Nothing is downloaded.

    Exit codes: 0 if all is well, 3 if the file is no price list or the package is missing, 2 for wrong usage.
    """
    names = [named_provider(name) for name in providers] or list(server_modules())
    try:
        snapshot, source, problem = _list(file)
    except ImportError:
        _fail("the package genai-prices is not installed, so no prices are known: it comes with each extra of a provider")
    except BadListError as error:
        _fail(error.message)
    rows = [_row(provider, snapshot) for provider in map(load_provider, dict.fromkeys(names)) if provider.price_list]
    record = {"source": source, "newest_price": _newest(snapshot), "models": sum(row["models"] for row in rows)}
    if as_json:
        click.echo(json.dumps({**record, "providers": rows}, indent=2, ensure_ascii=False))
    else:
        click.echo(visible(f"{source}, newest price of {record['newest_price'] or 'an unknown day'}"))
        print_rows(HEADS, [_fields(row) for row in rows], AMOUNTS)
    if file is not None:
        click.echo(f"mcp-models: to use this list, set {PRICES_VARIABLE}={visible(os.path.abspath(file))}", err=True)
    if problem:
        _fail(problem)


def _list(file: str | None) -> tuple[DataSnapshot, str, str | None]:
    """Return the list to show, its source, and what is wrong with the one that was set."""
    if file is None:
        return price_list.prices(), price_list.source(), price_list.problem()
    return price_list.from_file(file), f"file {os.path.basename(file)}", None


def _row(provider: Provider, snapshot: DataSnapshot) -> dict[str, Any]:
    models = next((each.models for each in snapshot.providers if each.id == provider.price_list), [])
    variants = [variant for model in models for variant in model.price_variants or ()]
    return {
        "provider": provider.name,
        "models": len(models),
        "tiers": sorted({tier for variant in variants if (tier := variant.when.get("service_tier")) in provider.service_tiers}),
        "documented_tiers": sorted(tier for tier, (factor, _) in provider.tier_factors.items() if factor is not None),
        "corrected": len(provider.price_corrections),
        "newest_price": max(_starts(models), default=None),
    }


def _fields(row: dict[str, Any]) -> tuple[str, ...]:
    tiers = dict.fromkeys((*row["tiers"], *row["documented_tiers"]))
    return row["provider"], f"{row['models']:,}", ", ".join(tiers), str(row["corrected"] or ""), row["newest_price"] or ""


def _newest(snapshot: DataSnapshot) -> str | None:
    """Return the last day on which a price of the list began to hold. The list itself has no date."""
    return max((start for provider in snapshot.providers for start in _starts(provider.models)), default=None)


def _starts(models: list[Any]) -> list[str]:
    """Return the days from which prices hold, up to today, in ISO 8601."""
    from datetime import UTC, datetime

    conditional = [each for model in models if isinstance(model.prices, list) for each in model.prices]
    variants = [variant for model in models for variant in model.price_variants or ()]
    days = [getattr(each.constraint, "start_date", None) for each in (*conditional, *variants)]
    return [day.isoformat() for day in days if day is not None and day <= datetime.now(UTC).date()]


def _fail(problem: str) -> NoReturn:
    click.echo(visible(f"mcp-models: {problem}"), err=True)
    raise SystemExit(EXIT_CODES["configuration"])
