"""Define the options and the help of `mcp-models serve`. `serve.py` does the work, or `serve_http.py` with `--http`."""

from __future__ import annotations

from typing import Any

import click

FILE = click.Path(dir_okay=False)


@click.command(
    "serve",
    epilog="Examples: mcp-models serve openai < calls.jsonl; mcp-models serve openai anthropic --http 127.0.0.1:8000",
)
@click.argument("provider", nargs=-1, required=True)
@click.option("--warm", is_flag=True, help="Import the provider's SDK right after the handshake.")
@click.option("--http", metavar="HOST:PORT", help="Serve over HTTP, at /PROVIDER/mcp.")
@click.option("--url", help="The address that clients use, such as https://models.example.com, if it is not HOST:PORT.")
@click.option("--tokens", metavar="FILE", type=FILE, help="The file of `mcp-models tokens`, if it is not the usual one.")
@click.option("--issuer", metavar="URL", help="Take the JWTs of this OAuth issuer.")
@click.option("--jwks", metavar="URL", help="Where the issuer's keys are, if its metadata does not say.")
@click.option("--audience", metavar="TEXT", help="What the JWTs' `aud` has, if it is not the endpoint's address.")
@click.option("--allow-host", metavar="HOST", multiple=True, help="A further value of the Host header, as name:port.")
@click.option("--allow-origin", metavar="ORIGIN", multiple=True, help="A web page's origin that may send requests.")
@click.option("--tls-cert", metavar="FILE", type=FILE, help="A TLS certificate with its chain.")
@click.option("--tls-key", metavar="FILE", type=FILE, help="The certificate's key.")
@click.option("--max-requests", default=500, show_default=True, type=click.IntRange(1), help="How many may be in flight.")
@click.option("--max-body", default=16, show_default=True, type=click.IntRange(1, 1024), help="MB that a request may have.")
@click.option("--metrics", metavar="HOST:PORT", help="Show metrics to a Prometheus there, at /metrics, without a token.")
@click.option("--access-log", is_flag=True, help="Write a line of JSON to stderr for each request.")
@click.option("--drain", default=60, show_default=True, type=click.IntRange(0), help="Seconds that calls have after SIGTERM.")
def command(provider: tuple[str, ...], warm: bool, http: str | None, **options: Any) -> None:
    """Run PROVIDER's MCP server on stdin and stdout, with the key that `mcp-models keys set` stored.

    `mcp-models install` makes a host start this. A key that the host sets in the environment wins over a stored one.

    With --http, serve one or more providers over HTTP to whoever has a token; see docs/http.md. On loopback it needs none.
    """
    if http is None:
        _serve(provider, warm)
        return
    from mcp_models.client.commands.providers import named_provider
    from mcp_models.client.commands.serve_http import HTTPOptions, serve_http
    from mcp_models.servers.core.errors import ConfigurationError
    from mcp_models.servers.streamable_http.token_file import TokenFileError

    names = [named_provider(name) for name in provider]
    try:
        serve_http(names, HTTPOptions(http=http, **options))
    except (ConfigurationError, TokenFileError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{error.filename or http}: {error.strerror}.") from error


def _serve(provider: tuple[str, ...], warm: bool) -> None:
    from mcp_models.client.commands.serve import serve

    if len(provider) > 1:
        raise click.UsageError("several providers need --http: on stdin and stdout there is room for one.")
    serve(provider[0], ["--warm"] if warm else [])
