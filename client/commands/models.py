"""Define `mcp-models models`: list the models that providers offer now, with their limits, prices and retirements."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from mcp_models.client.commands.complete import EXIT_CODES, EXIT_OTHER
from mcp_models.client.commands.providers import configured_provider, named_provider
from mcp_models.client.commands.terminal import print_rows, visible
from mcp_models.servers import server_modules
from mcp_models.servers.core import catalogue, errors, pricing
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.provider import Provider

HEADS = ("provider", "model", "context", "$/M in", "$/M out", "retires")
AMOUNTS = (2, 3, 4)


@click.command("models", epilog="Examples: mcp-models models; mcp-models models openai; mcp-models models --json | jq '.[].id'")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]…")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(providers: tuple[str, ...], as_json: bool) -> None:
    """List the models that PROVIDERs offer now. Without PROVIDER, ask those that are configured.

    The list is what each provider answers. The prices, in dollars per million tokens, are list prices from the package
    genai-prices, with our corrections. A field is empty if it is not known.

    Exit codes: 0 if all providers have answered, otherwise as for `mcp-models complete`.
    """
    asked = [configured_provider(name) for name in dict.fromkeys(map(named_provider, providers))] or _configured()
    if not asked:
        cure = "`mcp-models keys set PROVIDER` stores a key; `mcp-models doctor` says what each provider needs"
        click.echo(f"mcp-models: no provider is configured: {cure}.", err=True)
        raise SystemExit(EXIT_CODES["configuration"])
    records: list[dict[str, Any]] = []
    code = 0
    for provider, found in zip(asked, asyncio.run(_all_listed(asked)), strict=True):
        if isinstance(found, errors.CompletionError):
            click.echo(visible(f"mcp-models: {provider.title}: {found.message} {found.advice}".rstrip()), err=True)
            code = EXIT_CODES.get(found.type, EXIT_OTHER)
        else:
            records += [_record(provider, model) for model in found]
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))
    elif records:
        print_rows(HEADS, [_row(record) for record in records], AMOUNTS)
    if code:
        raise SystemExit(code)


def _configured() -> list[Provider]:
    """Return the providers that are configured, and local ones that are running."""
    adapters = [configured_provider(name) for name in server_modules()]
    return [adapter for adapter in adapters if adapter.setup and (adapter.configured() or adapter.running())]


async def _all_listed(providers: list[Provider]) -> list[list[ModelInfo] | errors.CompletionError]:
    return await asyncio.gather(*map(_listed, providers))


async def _listed(provider: Provider) -> list[ModelInfo] | errors.CompletionError:
    try:
        return await catalogue.list_models(provider)
    except errors.CompletionError as error:
        return error
    finally:
        await provider.aclose()


def _record(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    price = pricing.price_per_million(provider, model.id)
    return {
        "provider": provider.name,
        "id": model.id,
        "context_tokens": model.context_tokens or pricing.context_tokens(provider, model.id),
        "max_output_tokens": model.max_output_tokens,
        "usd_per_million_input_tokens": price[0] if price else None,
        "usd_per_million_output_tokens": price[1] if price else None,
        "retires_at": model.retires_at,
    }


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    context = record["context_tokens"]
    prices = [record[f"usd_per_million_{kind}_tokens"] for kind in ("input", "output")]
    amounts = ["" if price is None else f"{price:.2f}" if round(price, 2) == price else f"{price:g}" for price in prices]
    return record["provider"], record["id"], f"{context:,}" if context else "", *amounts, record["retires_at"] or ""
