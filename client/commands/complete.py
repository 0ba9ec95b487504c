"""Define `mcp-models complete`: send a prompt to a provider and print the answer."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mcp_models.client.commands.providers import configured_provider, stored_key
from mcp_models.client.commands.terminal import on_terminal, visible
from mcp_models.client.errors import SessionError
from mcp_models.client.key_store import KeyStoreError
from mcp_models.client.mcp_model import MCPModel
from mcp_models.servers import server_modules
from mcp_models.servers.core import MAX_TOKENS_DEFAULT
from mcp_models.servers.presets import PRESETS

if TYPE_CHECKING:
    from mcp_models.client.completion_result import CompletionResult
    from mcp_models.client.stream import CompletionStream

FALLBACK = "echo"

TIERS = ("auto", "standard", "flex", "priority")

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
EXIT_SOME = 12


EXAMPLES = """
\b
Examples:
  mcp-models complete "Why is the sky blue?"
  mcp-models complete -m ollama/llama3.2 "Translate to French:" - < letter.txt
  mcp-models complete openai --file src/a.py --file src/b.py "Review these."
  mcp-models complete google_ai_studio --image plot.png "What does it show?"
  mcp-models complete mistral --schema person.json "Ada, 36" | jq .age
  mcp-models complete --with openai,anthropic/opus,ollama "Why is the sky blue?"
"""


@click.command("complete", epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="[PROVIDER] PROMPT [-]")
@click.option("-m", "--model", metavar="[PROVIDER/]MODEL", help="The provider's name of a model.")
@click.option("--with", "others", metavar="MODEL,MODEL…", help="Ask several models, and show their answers side by side.")
@click.option("--system", help="Instructions that precede the prompt.")
@click.option("--file", "files", multiple=True, metavar="FILE", help="Attach a text, with its path, or a PDF. Repeatable.")
@click.option("--image", "images", multiple=True, metavar="FILE", help="Attach an image. Repeatable.")
@click.option("--schema", "schema_file", metavar="FILE", help="A JSON Schema that the answer must fit.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=MAX_TOKENS_DEFAULT, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0))
@click.option(
    "--service-tier", type=click.Choice(TIERS), help="Speed and price, where the provider has tiers: flex costs half."
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds the call may take.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
@click.option("--stream/--no-stream", default=None, help="Print the text as it comes: the default in a terminal.")
def command(
    words: tuple[str, ...],
    model: str | None,
    others: str | None,
    files: tuple[str, ...],
    images: tuple[str, ...],
    schema_file: str | None,
    as_json: bool,
    stream: bool | None,
    **options: Any,
) -> None:
    """Send PROMPT to PROVIDER's server and print the answer.

    Piped input is appended to PROMPT, or used instead of it. `-` reads standard input even if it is a terminal. Without
    PROVIDER, the first that is configured answers.

    \b
    Exit codes: 0 an answer, 2 wrong usage, 3 not configured, 4 key, permission or billing,
    5 rate limit or overload, 6 timeout, 7 connection, 8 a request the provider refuses,
    9 refusal or content filter, 10 empty answer, 11 the server failed, 1 anything else. Of
    several models (--with): 12 some failed; if all did, the code of their failure, or 1.
    """
    if stream and as_json:
        raise click.UsageError("--stream prints text and --json the whole result: choose one.")
    if stream is None:  # an answer to a schema is only complete when it has been checked
        stream = on_terminal() and not as_json and schema_file is None
    if others is not None:
        if model is not None:
            raise click.UsageError("--with names the models itself: leave out --model.")
        prompt, attached = _question(words, files, images, schema_file)
        _ask_several(others, {"prompt": prompt, **attached, **options}, as_json, stream)
        return
    named, model, rest = _named(words, model)
    if len(rest) == 2 and named is None and "-" not in rest:
        raise click.UsageError(f"No provider {rest[0]!r}; there are {', '.join(server_modules())}.")
    prompt, attached = _question(rest, files, images, schema_file)
    provider = named or _first_configured()
    try:
        with MCPModel(provider, model, provider, env=stored_key(provider)) as server:
            ask = server.stream(prompt, **attached, **options) if stream else None
            result = _printed(ask) if ask else server.call(prompt, **attached, **options)
    except SessionError as error:
        _fail(str(error), EXIT_BRIDGE)
    except KeyStoreError as error:
        _fail(str(error), EXIT_CODES["configuration"])
    if as_json:
        _print(json.dumps(result, indent=2, ensure_ascii=False))
    elif result["output"] is not None:
        _print("" if stream else result["output"])
    if result["output"] is None:
        _fail(result["error"], EXIT_CODES.get(result["error_type"], EXIT_OTHER))
    for warning in result["warnings"]:
        _say(warning)


def _ask_several(names: str, arguments: dict[str, Any], as_json: bool, stream: bool) -> None:
    """Ask several models the same, and exit with a code that tells whether all, some or none answered."""
    from mcp_models.client.commands.side_by_side import side_by_side

    try:
        results = side_by_side(names, arguments, as_json, stream)
    except KeyStoreError as error:
        _fail(str(error), EXIT_CODES["configuration"])
    for result in results:
        for warning in result["warnings"] if result["output"] is not None else ():
            _say(f"{result['provider']}: {warning}")
    codes = [EXIT_CODES.get(result["error_type"], EXIT_OTHER) for result in results if result["output"] is None]
    if codes:
        raise SystemExit(EXIT_SOME if len(codes) < len(results) else codes[0] if len(set(codes)) == 1 else EXIT_OTHER)


def _printed(stream: CompletionStream) -> CompletionResult:
    """Print the text as it arrives, and return the result."""
    for piece in stream:
        _print(piece, end="")
    return stream.result


def _print(text: str, end: str = "\n") -> None:
    """Print to standard output: as it is in a pipe, and without what could give orders to a terminal."""
    click.echo((visible(text) if on_terminal() else text) + end, nl=False, color=True)


def _say(text: str) -> None:
    click.echo(f"mcp-models: {visible(text)}", err=True)


def _named(words: tuple[str, ...], model: str | None) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return the provider that was named, the model, and the other words. A provider among the words goes before `-m`."""
    providers = server_modules()
    first = words[0].replace("-", "_") if words else ""
    if first in providers:
        return first, model, words[1:]
    prefix, slash, rest = (model or "").partition("/")
    if slash and prefix.replace("-", "_") in providers:
        return prefix.replace("-", "_"), rest or None, words
    return None, model, words


def _question(
    words: tuple[str, ...], files: tuple[str, ...], images: tuple[str, ...], schema_file: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the prompt, and the options for what is attached. The prompt is empty if it is in the messages."""
    given = [word for word in words if word != "-"]
    if len(given) > 1:
        raise click.UsageError("Put the prompt in quotes.")
    prompt = "\n\n".join(text for text in (*given, _all_input() if "-" in words else _piped()) if text)
    if not prompt.strip() and not files and not images:
        raise click.UsageError("The prompt is empty: give one as an argument or on standard input.")
    if not files and not images and schema_file is None:
        return prompt, {}
    from mcp_models.client.commands import attachments

    attached: dict[str, Any] = {} if schema_file is None else {"response_schema": attachments.schema(schema_file)}
    prompt, parts = attachments.attach(prompt, files, images)
    return prompt, {**attached, **parts}


def _all_input() -> str:
    """Read standard input to its end, also from a terminal."""
    try:
        with open(0, "rb", closefd=False) as stdin:
            return stdin.read().decode("utf-8", "replace")
    except OSError:
        raise click.UsageError("`-` reads standard input, which is closed.") from None


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
    keyed = [name for name, preset in PRESETS.items() if preset.needs_key]
    cures = "".join(f"\n  {adapters[name].setup}" for name in adapters if name not in PRESETS)
    cures += f"\n  `mcp-models keys set PROVIDER`, for one of these too: {', '.join(keyed)}"
    click.echo(f"mcp-models: no provider is configured, so echo answers. To ask a model, do one of these:{cures}", err=True)
    return FALLBACK


def _fail(message: str, code: int) -> NoReturn:
    _say(message)
    raise SystemExit(code)
