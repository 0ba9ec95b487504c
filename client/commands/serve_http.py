"""Serve providers over HTTP: the part of `mcp-models serve` that `--http` leads to."""

from __future__ import annotations

import ipaddress
import os
import ssl
import sys
from urllib.parse import urlsplit

from msgspec import Struct

from mcp_models.client.commands.serve import provider_with_key, unset_references
from mcp_models.client.commands.serve_observers import observing
from mcp_models.servers.core import settings
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.log import start_logging
from mcp_models.servers.core.redaction import RedactedLog, protect_environment
from mcp_models.servers.streamable_http import app as http_app
from mcp_models.servers.streamable_http import token_file
from mcp_models.servers.streamable_http.authentication import Authenticator
from mcp_models.servers.streamable_http.request_headers import AllowedHosts

MISSING = 'serving over HTTP needs {}: run `pip install "mcp-models[http-server]"`.'

PROVE = "make a token with `mcp-models tokens add NAME`, or name an OAuth issuer with --issuer"


class HTTPOptions(Struct, frozen=True, kw_only=True):
    """The options of `serve --http`. `client/commands/serve_help.py` says what they mean."""

    http: str
    url: str | None
    tokens: str | None
    issuer: str | None
    jwks: str | None
    audience: str | None
    allow_host: tuple[str, ...]
    allow_origin: tuple[str, ...]
    tls_cert: str | None
    tls_key: str | None
    max_requests: int
    max_body: int
    metrics: str | None
    access_log: bool
    drain: int


def serve_http(names: list[str], options: HTTPOptions) -> None:
    """Serve providers over HTTP until a signal.

    Args:
        names: The providers' names, which exist.
        options: The options of the command line.

    Raises:
        ConfigurationError: The options make no sense, or something is not installed.
        TokenFileError: The file of tokens cannot be used.
        OSError: The address or a file cannot be used.
    """
    host, port = _address(options.http, "--http")
    metrics = _address(options.metrics, "--metrics") if options.metrics else None
    authenticators = _authenticators(options)
    if not authenticators and not _is_loopback(host):
        raise ConfigurationError(f"{host} can be reached from other machines, so callers must prove who they are: {PROVE}.")
    try:
        from mcp_models.servers.streamable_http.run import bound, serve, server
    except ImportError as error:
        raise ConfigurationError(MISSING.format(error.name)) from error
    here = _here(options, host, port)
    if not authenticators and not settings.is_loopback(here):  # a proxy brings requests from elsewhere
        raise ConfigurationError(f"--url: {here} is not this machine, so callers must prove who they are: {PROVE}.")
    unset_references()
    os.environ.pop(settings.FILES_VARIABLE, None)  # those who call are not those whose files are on this machine
    providers = [provider_with_key(name) for name in dict.fromkeys(names)]
    with bound(host, port) as listener, observing(metrics, options.access_log) as observer:
        if port == 0 and not options.url:
            here = f"{here.removesuffix(':0')}:{listener.getsockname()[1]}"
        app = http_app.App(providers, _rules(options, here, authenticators), observer)
        try:
            running = server(app, certificate=options.tls_cert, key=options.tls_key, drain=options.drain)
        except ssl.SSLError as error:
            raise ConfigurationError(f"--tls-cert and --tls-key: not a certificate and its key ({error.reason}).") from None
        protect_environment()
        sys.stderr = RedactedLog(2)
        start_logging(os.environ)
        listener.listen()  # whoever reads an address can connect at once, and waits for the answer
        for path in app.endpoints:
            print(f"mcp-models: {here}{path}", file=sys.stderr)
        serve(running, listener)


def _address(text: str, option: str) -> tuple[str, int]:
    """Return the host and the port in `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which means loopback."""
    host, found, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not found or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"{option}: expected HOST:PORT such as 127.0.0.1:8000, got {text!r}.")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _authenticators(options: HTTPOptions) -> list[Authenticator]:
    """Return how tokens are checked: by the file that is named or the usual one if it exists, and by the issuer.

    A file whose last token was removed lets nobody in. It must not let everybody in.
    """
    authenticators: list[Authenticator] = []
    path = options.tokens or token_file.default_path()
    if token_file.read(path) or options.tokens or os.path.exists(path):
        authenticators.append(token_file.TokenFile(path))
    if options.issuer:
        try:
            from mcp_models.servers.streamable_http.oauth import Issuer
        except ImportError as error:
            raise ConfigurationError(MISSING.format(error.name)) from error
        for url, name in ((options.issuer, "--issuer"), (options.jwks, "--jwks")):
            if url:
                settings.provider_url(os.environ, url, name)
        authenticators.append(Issuer(options.issuer, options.jwks, options.audience))
    elif options.jwks or options.audience:
        raise ConfigurationError("--jwks and --audience belong to --issuer.")
    return authenticators


def _here(options: HTTPOptions, host: str, port: int) -> str:
    """Return the address under which clients reach this server, without a path."""
    if (options.tls_cert is None) != (options.tls_key is None):
        raise ConfigurationError("--tls-cert and --tls-key belong together.")
    if options.url:
        url = settings.provider_url(os.environ, options.url, "--url")
        if urlsplit(url).path:
            raise ConfigurationError("--url: expected an address without a path, such as https://models.example.com.")
        return url
    if _is_wildcard(host):
        raise ConfigurationError(f"{host} is no address for clients: say with --url which one they use.")
    scheme = "https" if options.tls_cert else "http"
    return settings.provider_url(os.environ, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", "--http")


def _rules(options: HTTPOptions, here: str, authenticators: list[Authenticator]) -> http_app.Rules:
    parts = urlsplit(here)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
    hosts = [name, f"{name}:{port}", *options.allow_host]
    if settings.is_loopback(here):
        hosts += [f"{local}:{port}" for local in ("localhost", "127.0.0.1", "[::1]")]
    return http_app.Rules(
        url=here,
        allowed_hosts=AllowedHosts(hosts, options.allow_origin),
        authenticators=authenticators,
        issuer=options.issuer,
        max_body=options.max_body << 20,
        max_requests=options.max_requests,
    )
