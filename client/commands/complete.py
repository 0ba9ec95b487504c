"""Define `mcp-models complete`: send a prompt to a provider and print the answer."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mcp_models.client.commands.providers import configured_provider, stored_key
from mcp_models.client.commands.terminal import visible
from mcp_models.client.errors import SessionError
from mcp_models.client.key_store import KeyStoreError
from mcp_models.client.mcp_model import MCPModel
from mcp_models.servers import server_modules
from mcp_models.servers.core import MAX_TOKENS_DEFAULT

if TYPE_CHECKING:
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.stream import CompletionStream

FALLBACK = "echo"

EXIT_CODES = {
    "configuration": 3,
    "authentication": 4,
    "permission": 4,
    "billing": 4,
    "rate_limit": 5,
    "overloaded": 5,
    "timeout": 6,
    "connection": 7,
    "invalid_request": 8,
    "model_not_found": 8,
    "context_length": 8,
    "refusal": 9,
    "content_filter": 9,
    "empty_output": 10,
}
EXIT_OTHER = 1
EXIT_BRIDGE = 11


@click.command("complete")
@click.argument("words", nargs=-1, metavar="[PROVIDER] PROMPT")
@click.option("--model", help="The provider's name of a model.")
@click.option("--system", help="Instructions that precede the prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=MAX_TOKENS_DEFAULT, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0))
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds the call may take.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
@click.option("--stream", is_flag=True, help="Print the text as it comes.")
def command(words: tuple[str, ...], model: str | None, as_json: bool, stream: bool, **options: Any) -> None:
    """Send PROMPT to PROVIDER's server and print the answer.

    Piped input is appended to PROMPT, or used instead of it. Without PROVIDER, the first that is configured answers.

    \b
    Exit codes: 0 an answer, 2 wrong usage, 3 not configured, 4 key, permission or billing,
    5 rate limit or overload, 6 timeout, 7 connection, 8 a request the provider refuses,
    9 refusal or content filter, 10 empty answer, 11 the server failed, 1 anything else.
    """
    if stream and as_json:
        raise click.UsageError("--stream prints text and --json the whole result: choose one.")
    provider, prompt = _provider_and_prompt(words)
    try:
        with MCPModel(provider, model, server_modules()[provider], env=stored_key(provider)) as server:
            result = _printed(server.stream(prompt, **options)) if stream else server.call(prompt, **options)
    except SessionError as error:
        _fail(str(error), EXIT_BRIDGE)
    except KeyStoreError as error:
        _fail(str(error), EXIT_CODES["configuration"])
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    elif result["output"] is not None:
        click.echo("" if stream else visible(result["output"]))
    if result["output"] is None:
        _fail(result["error"], EXIT_CODES.get(result["error_type"], EXIT_OTHER))
    for warning in result["warnings"]:
        click.echo(visible(f"mcp-models: {warning}", err=True), err=True)


def _printed(stream: CompletionStream) -> CompletionResult:
    """Print the text as it arrives, and return the result."""
    for piece in stream:
        click.echo(visible(piece), nl=False)
    return stream.result


def _provider_and_prompt(words: tuple[str, ...]) -> tuple[str, str]:
    providers = server_modules()
    if len(words) > 2:
        raise click.UsageError("Put the prompt in quotes.")
    if len(words) == 2 and words[0] not in providers:
        raise click.UsageError(f"No provider {words[0]!r}; there are {', '.join(providers)}.")
    named = words[0] if words and words[0] in providers else None
    given = words[-1:] if len(words) == 2 or named is None else ()
    prompt = "\n\n".join(text for text in (*given, _piped()) if text)
    if not prompt.strip():
        raise click.UsageError("The prompt is empty: give one as an argument or on standard input.")
    return named or _first_configured(), prompt


def _piped() -> str:
    """Read standard input if it is a pipe or a file. Never wait for a terminal, a socket or the null device."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:  # standard input is closed
        return ""
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    with open(0, "rb", closefd=False) as stdin:
        return stdin.read().decode("utf-8", "replace")


def _first_configured() -> str:
    adapters = {name: configured_provider(name) for name in server_modules() if name != FALLBACK}
    ready = [name for name in adapters if adapters[name].configured()] or [
        name for name in adapters if adapters[name].running()
    ]
    if ready:
        click.echo(f"mcp-models: asking {adapters[ready[0]].title} (name a provider to choose another)", err=True)
        return ready[0]
    cures = "".join(f"\n  {adapter.setup}" for adapter in adapters.values())
    click.echo(f"mcp-models: no provider is configured, so echo answers. To ask a model, do one of these:{cures}", err=True)
    return FALLBACK


def _fail(message: str, code: int) -> NoReturn:
    click.echo(visible(f"mcp-models: {message}", err=True), err=True)
    raise SystemExit(code)
