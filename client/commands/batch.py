"""Define `mcp-models batch`: ask a model a file of prompts, pay for nothing twice, and lose nothing."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mcp_models.client.commands.complete import EXIT_BRIDGE, EXIT_CODES, EXIT_OTHER
from mcp_models.client.commands.providers import named_provider, stored_key
from mcp_models.client.commands.terminal import visible
from mcp_models.client.errors import SessionError
from mcp_models.client.key_store import KeyStoreError

if TYPE_CHECKING:
    from mcp_models.client.batch import Batch, Summary

EXIT_LEFT = 75
"""Rows are left, and the same command goes on. It is `EX_TEMPFAIL` of sysexits.h."""

EXIT_INTERRUPTED = 130

ROUTES = ("standard", "flex", "batch", "auto")

EXAMPLES = """
\b
Examples:
  mcp-models batch openai/gpt-5.2 prompts.jsonl -o answers.jsonl --max-cost 5
  mcp-models batch mistral texts.csv -o out.jsonl --template "Translate: {text}"
  mcp-models batch mistral in.parquet -o out.parquet --template "{text}" --schema s.json
  mcp-models batch openai prompts.jsonl -o out.jsonl --dry-run
  mcp-models batch openai prompts.jsonl -o out.jsonl --retry-failed
"""


@click.command("batch", epilog=EXAMPLES)
@click.argument("model", metavar="PROVIDER[/MODEL]")
@click.argument("input", metavar="IN")
@click.option("-o", "--output", required=True, metavar="OUT", help="Where the results go: a .jsonl or a .parquet file.")
@click.option("--template", metavar="TEXT", help='A prompt with columns, such as "Translate: {text}".')
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("jsonl", "csv", "parquet")),
    help="The input's format, if its name does not say.",
)
@click.option("--system", help="Instructions that precede each prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="The limit of each answer.  [default: 4096]")
@click.option("--temperature", type=click.FloatRange(min=0))
@click.option("--schema", "schema_file", metavar="FILE", help="A JSON Schema that each answer must fit.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that each call may take.")
@click.option("--route", type=click.Choice(ROUTES), default="standard", show_default=True, help="All others cost half.")
@click.option("--by", metavar="TIME", help="When it must be done: 6h, or 2026-11-25T08:00. For the routes batch and auto.")
@click.option("--concurrency", type=click.IntRange(1, 900), default=64, show_default=True, help="The most calls in flight.")
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Never spend more, in all runs together.")
@click.option("--allow-unpriced", "allows_unpriced", is_flag=True, help="With --max-cost, ask models of unknown price, too.")
@click.option("--retry-failed", is_flag=True, help="Ask rows again that have failed.")
@click.option("--sample", "most_rows", type=click.IntRange(min=1), metavar="N", help="Ask the first N rows only.")
@click.option("--engine", type=click.Choice(("local", "ray")), default="local", show_default=True, help="Who asks.")
@click.option("--address", metavar="ADDRESS", help="With ray, a cluster's address. Otherwise one is started here.")
@click.option("--workers", type=click.IntRange(1, 1000), default=2, show_default=True, help="With ray, how many processes ask.")
@click.option("--dry-run", is_flag=True, help="Ask nothing: say how many rows, tokens and dollars it would be.")
def command(
    model: str,
    input: str,  # noqa: A002
    dry_run: bool,
    schema_file: str | None,
    **options: Any,
) -> None:
    """Ask a model every row of IN, and write a line of JSON for each to OUT. If OUT ends in .parquet, the lines are in
    OUT.parquet.jsonl, and become that file when every row has one.

    IN is JSONL, one {"id", "prompt" or "messages", any argument of `complete`} a line, or CSV, or Parquet, or `-` for standard
    input. If it ends early, by Ctrl-C, kill -9, a full disk or a lost network, the same command goes on: nothing that was
    answered is asked again.

    \b
    Exit codes: 0 every row has an answer, 1 some rows failed, 2 wrong usage, 75 rows are left,
    130 interrupted; if an error stopped it, that of `mcp-models complete`: 3 not configured,
    4 key or billing, 5 overloaded, 8 no such model, 11 the server failed.
    """
    from mcp_models.client.batch import Batch, BatchError

    word, _, name = model.partition("/")
    provider = named_provider(word)
    asked = ("system", "max_tokens", "temperature", "timeout")
    arguments = {each: value for each in asked if (value := options.pop(each)) is not None}
    if schema_file is not None:
        from mcp_models.client.commands import attachments

        arguments["response_schema"] = attachments.schema(schema_file)
    try:
        batch = Batch(
            provider=provider, model=name or None, input=input, arguments=arguments, env=stored_key(provider), **options
        )
        if dry_run:
            return _estimate(batch)
        summary = _run(batch)
    except BatchError as error:
        _fail(str(error), EXIT_OTHER)
    except SessionError as error:
        _fail(str(error), EXIT_BRIDGE)
    except KeyStoreError as error:
        _fail(str(error), EXIT_CODES["configuration"])
    _say(summary.sentence())
    if summary.ending != "complete":
        _fail(f"{summary.problem}. The same command goes on.", _exit_code(summary))
    raise SystemExit(EXIT_OTHER if summary.failed else 0)


def _run(batch: Batch) -> Summary:
    from mcp_models.client.batch import run_batch
    from mcp_models.client.batch.progress import Bar, Lines

    if not sys.stderr.isatty():
        return run_batch(batch, Lines(_say, None))
    bar = Bar(_count(batch))
    with bar.shown():
        return run_batch(batch, bar)


def _count(batch: Batch) -> int | None:
    """Return how many rows the input has. Standard input cannot be counted, and a bad file is reported later."""
    from mcp_models.client.batch import BatchError
    from mcp_models.client.batch.records import STDIN, count_records, format_of

    if batch.input == STDIN:
        return None
    with contextlib.suppress(BatchError):
        count = count_records(batch.input, batch.format_name or format_of(batch.input))
        return min(count, batch.most_rows or count)
    return None


def _estimate(batch: Batch) -> None:
    from mcp_models.client.batch.estimate import estimate

    for line in estimate(batch).lines():
        click.echo(visible(line))


def _exit_code(summary: Summary) -> int:
    if summary.ending == "stopped":
        return EXIT_CODES.get(summary.error_type or "", EXIT_OTHER)
    return EXIT_INTERRUPTED if summary.ending == "interrupted" else EXIT_LEFT


def _say(text: str) -> None:
    click.echo(f"mcp-models: {visible(text)}", err=True)


def _fail(message: str, code: int) -> NoReturn:
    _say(message)
    raise SystemExit(code)
